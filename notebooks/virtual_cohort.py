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
# # A virtual cohort: 200 patients, from nothing to a page of figures
#
# Four hearts of the healthy population, fifty scenarios on each: an infarct drawn at random (or
# none), conduction, repolarisation, electrodes and a recorder that all vary. On two cores this
# takes under three minutes, nearly all of it the hearts and their lead fields; a larger cohort is
# the same lines with larger numbers, or `twin cohort make hard -n 10000 -o cohort` in a terminal.

# %%
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from twin.simulation.cohort import Cohort
from twin.simulation.infarction.bullseye import draw_bullseye
from twin.simulation.recruitment.recipe import Recipe

began = time.perf_counter()
folder = Path("virtual_cohort")
folder.mkdir(exist_ok=True)

# %% [markdown]
# ## The recipe
#
# A recipe is a TOML file that says what varies, and how much. We take the hard one (protocol H)
# and coarser hearts. The first lines of what comes with the package:

# %%
text = Recipe.read("hard").text
print("\n".join(text.splitlines()[:24]))
mine = folder / "mine.toml"
mine.write_text(text.replace('name = "hard"', 'name = "mine"').replace("60000", "40000"))

# %% [markdown]
# ## The cohort
#
# Killed at any moment it goes on where it was; the same recipe and seed give the same bits.

# %%
cohort = Cohort.make(mine, 200, folder / "cohort", seed=1)
print(cohort)
print(f"{len(cohort.failures)} cases could not be made")

# %% [markdown]
# ## What is in it
#
# `table()` has a column for everything that was drawn and everything that was measured.

# %%
table = cohort.table()
ill = table["healthy"] == 0
print(f"{ill.sum()} with an infarct, {(~ill).sum()} healthy")
for name in ("scar", "transmurality", "border", "qrs_ms", "qt_ms", "axis_degrees"):
    low, middle, high = np.nanpercentile(table[name][ill], [5, 50, 95])
    print(f"{name:14} {low:8.2f} {middle:8.2f} {high:8.2f}   (5, 50, 95 %)")

# %% [markdown]
# ## A page of figures

# %%
page, axes = plt.subplots(3, 3, figsize=(13, 12), layout="constrained")
(masses, depths, durations), (well, sick, lost), (mean_scar, one_scar, axis_plot) = axes

masses.hist(100 * table["scar"][ill], 20, color="firebrick")
masses.set(title="scar", xlabel="% of left ventricle's mass", ylabel="patients")

depths.scatter(100 * table["scar"][ill], 100 * table["transmurality"][ill], 8, color="firebrick")
depths.set(title="size and depth", xlabel="scar, % of mass", ylabel="transmurality, %")

durations.scatter(100 * table["scar"], table["qrs_ms"], 8, c=np.where(ill, "firebrick", "navy"))
durations.set(title="QRS duration", xlabel="scar, % of mass", ylabel="ms")

leads = ("I", "II", "V2", "V5")
offsets = dict(zip(leads, (0.0, -3.0, -6.0, -9.0), strict=True))


def overlay(axes, cases, colour, title):
    """Recorded ECGs of several patients over each other, one lead under the other."""
    for case in cases:
        for lead, offset in offsets.items():
            axes.plot(case.ecg.times - 40, case.ecg.lead(lead) + offset, color=colour, lw=0.4)
    for lead, offset in offsets.items():
        axes.text(-80, offset, lead, ha="right")
    axes.set(title=title, xlabel="ms from the QRS onset", yticks=[], ylabel="3 mV between leads")


overlay(well, cohort.subset(~ill), "navy", "healthy, as recorded")
overlay(sick, cohort.subset(np.flatnonzero(ill)[:20]), "firebrick", "infarcts, as recorded")

worst = int(np.flatnonzero(ill)[np.argmax(table["scar"][ill])])
case = cohort[worst]
for lead, offset in offsets.items():
    healthy = case.patient.ecg[["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"].index(lead)]
    lost.plot(np.arange(len(healthy)) - 40, healthy + offset, "navy", lw=1)
    lost.plot(case.clean.times - 40, case.clean.lead(lead) + offset, "firebrick", lw=1)
    lost.text(-80, offset, lead, ha="right")
lost.set(title=f"patient {worst}: in health (blue) and with the infarct", yticks=[])
lost.set(xlabel="ms from the QRS onset")


def by_segment(rows):
    """Mean share of scar in each AHA segment."""
    return {n: float(np.mean(table[f"segment_{n:02d}_scar"][rows])) for n in range(1, 18)}


draw_bullseye(mean_scar, by_segment(ill), "scar of all infarcts", most=0.5)
draw_bullseye(one_scar, by_segment([worst]), f"scar of patient {worst}")

axis_plot.hist(table["axis_degrees"][~ill], 20, density=True, color="navy", alpha=0.6)
axis_plot.hist(table["axis_degrees"][ill], 20, density=True, color="firebrick", alpha=0.6)
axis_plot.set(title="frontal QRS axis: health and infarct", xlabel="degrees", yticks=[])

page.savefig(folder / "page.png", dpi=110)

# %% [markdown]
# ## One patient as files
#
# The heart with its infarct for ParaView, and the ECG as WFDB.

# %%
cohort.export(worst, folder / "patient")
print(sorted(path.name for path in (folder / "patient").iterdir()))
case.ecg.plot(folder / "ecg.png")

# %%
minutes = (time.perf_counter() - began) / 60
print(f"{len(cohort)} patients in {minutes:.1f} minutes")
