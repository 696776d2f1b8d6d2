# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Atrial fibrillation: from an anatomy made of nothing to its ECG, two ways
#
# A left atrium of the population, its sinus beat, then fibrillation by the monodomain equation; the
# ECG by a bounded torso that knows every conductivity, and by the learned forward model that knows
# none. About a minute on two cores.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from twin.atrial_picture import picture_atrium, picture_values
from twin.inverse.forward_model.model import ForwardModel
from twin.meshes.atrium import Atrium
from twin.meshes.formats import write_grid
from twin.meshes.formats.atria import grid_of
from twin.meshes.formats.vtkhdf_series import write_series
from twin.meshes.torso import Torso
from twin.simulation.atria.action_potential import atrial_action_potential
from twin.simulation.atria.conduction import AtrialWall
from twin.simulation.atria.ecg import AtrialLeads, atrial_lead_field
from twin.simulation.atria.rhythm import beat, fibrillate

folder = Path("atrial_fibrillation")
folder.mkdir(exist_ok=True)

# %% [markdown]
# ## The anatomy
#
# Regions, kinds of tissue and fibrosis; `atrium.vtp` opens in ParaView.

# %%
atrium = Atrium.sample(seed=1000, nodes=16_000, fibrosis=0.15)
atrium.write(folder / "atrium.vtp")
print(atrium)
picture_atrium(atrium, folder / "atrium.png", ["regions", "fibrosis"])
plt.figure(figsize=(12, 6))
plt.imshow(plt.imread(folder / "atrium.png"))
plt.axis("off")
plt.show()

# %% [markdown]
# ## Sinus rhythm
#
# The impulse comes over at Bachmann's bundle, the fossa's rim and the coronary sinus; the eikonal
# equation does the rest.

# %%
conducting = AtrialWall().of(atrium)
torso = Torso.template().place(atrium)
leads = AtrialLeads.of(conducting, atrial_lead_field(conducting, torso))
sinus = beat(conducting, "sinus")
p_wave = leads.of_activation(sinus, atrial_action_potential())
print(f"activated within {sinus.total:.0f} ms")
plt.figure(figsize=(7, 2.5))
for name in ("II", "V1"):
    plt.plot(1000 * np.arange(200) / p_wave.rate, p_wave.lead(name)[:200], label=name)
plt.xlabel("ms")
plt.ylabel("mV")
plt.legend()
plt.show()

# %% [markdown]
# ## Fibrillation
#
# From one spiral of phases about the back wall. `potentials.vtkhdf` plays in ParaView.

# %%
run = fibrillate(conducting, 1500.0)
times = np.arange(len(run.potentials)) * run.interval
write_series(
    grid_of(atrium), folder / "potentials.vtkhdf", "potential", times[::5], run.potentials[::5]
)
print(
    f"sustained: {run.sustained}; cycle {run.cycle_length:.0f} ms, dominant frequency "
    f"{np.nanmedian(run.frequencies):.1f} Hz, {run.singularities.mean():.1f} tips at a time"
)
picture_values(
    atrium,
    folder / "fibrillation.png",
    {f"mV, {t:.0f} ms": run.potentials[round(t / run.interval)] for t in (500, 540, 580)},
    alike=True,
)
plt.figure(figsize=(12, 8))
plt.imshow(plt.imread(folder / "fibrillation.png"))
plt.axis("off")
plt.show()

# %% [markdown]
# ## The ECG, by a bounded torso and by the learned forward model
#
# The bounded torso needs the conductivity tensor of every triangle. The learned model is given the
# anatomy, the torso and the potentials, from which it reads how the tissue conducts.

# %%
late = run.potentials[250:]
exact = leads.of_potentials(late, 1000 / run.interval)
ready = ForwardModel.read().prepared(atrium, torso)
learned = ready.ecg(late, 1000 / run.interval)

figure, axes = plt.subplots(4, 3, figsize=(12, 7), sharex=True)
for axis, name in zip(axes.T.flat, exact.leads, strict=True):
    true, found = exact.lead(name), learned.lead(name)
    r2 = 1 - np.sum((found - true) ** 2) / np.sum((true - true.mean()) ** 2)
    axis.plot(times[250:], true, color="0.6", lw=2, label="bounded torso")
    axis.plot(times[250:], found, lw=0.9, label="learned")
    axis.set_title(f"{name}: R2 {r2:.2f}", fontsize=9)
axes[0, 0].legend(fontsize=7)
axes[-1, 1].set_xlabel("ms")
figure.tight_layout()
figure.savefig(folder / "ecg.png", dpi=130)
plt.show()

# %% [markdown]
# What it takes the tissue for, beside what it is:

# %%
known = ready.patches
across = ready.conductivities(late)[:, 0][known.of_triangle]
true = conducting.wall.parts(atrium)[0]
picture_values(
    atrium,
    folder / "conductivity.png",
    {"across, S/m, read": across, "across, S/m, true": true},
    alike=True,
)
plt.figure(figsize=(12, 6))
plt.imshow(plt.imread(folder / "conductivity.png"))
plt.axis("off")
plt.show()
