"""torchcor on the same mesh, for the speed beside ours."""

import tempfile
import time
from pathlib import Path

import numpy as np

from twin.meshes.formats import write_heart
from twin.meshes.heart import Heart

WARMING = 3


def node_steps_per_second(mesh: Heart, time_step: float, steps: int) -> float:
    """Million node-steps a CPU-second of its monodomain on one thread, float32, lumped mass, ten
    Tusscher-Panfilov: so many of its own steps from the stimulus on, without reading, assembling
    or the first few."""
    import torch
    from torchcor.ionic import TenTusscherPanfilov
    from torchcor.simulator import Monodomain

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    cell = TenTusscherPanfilov(time_step, device=torch.device("cpu"), dtype=torch.float32)
    model = Monodomain(
        [cell], T=10.0, dt=time_step, device=torch.device("cpu"), dtype=torch.float32,
        mass_lumping=True,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        _prepare(model, mesh, Path(folder))
        state = torch.zeros(model.n_nodes, dtype=torch.float32)
        state[cell.node_indices] = cell.initialize(cell.node_indices.shape[0])
        model.cg.initialize(x=state, linear_guess=True)
        for number in range(WARMING + steps):
            if number == WARMING:
                started = time.process_time()
            state = model.step(state, number * time_step, 1e-5, 1e-5, 100)[0]
        taken = time.process_time() - started
    torch.set_num_threads(before)
    return len(mesh.points) * steps / taken / 1e6


def _prepare(model, mesh: Heart, folder: Path) -> None:
    write_heart(mesh, folder / "box.pts")
    # It knows fibres alone, no sheets.
    np.savetxt(folder / "box.lon", mesh.fibres.fibre, header="1", comments="")
    near = np.flatnonzero((mesh.points <= 1.5).all(axis=1))
    stimulus = folder / "stimulus.vtx"
    stimulus.write_text(f"{len(near)}\nextra\n" + "\n".join(map(str, near)) + "\n")
    model.load_mesh(folder, unit_conversion=1000)
    model.add_conductivity(None, il=0.17, it=0.019, el=0.62, et=0.24)
    model.add_stimulus(str(stimulus), start=0.0, duration=2.0, intensity=50.0)
    model.assemble()
