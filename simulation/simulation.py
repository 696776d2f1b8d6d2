"""From a heart, a torso and settings to one heartbeat."""

from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from twin.meshes.anatomy.population import Sex
from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.progress import Progress, silent
from twin.meshes.torso import Torso
from twin.simulation.action_potential import ActionPotentials
from twin.simulation.activation import Activation
from twin.simulation.excitation import excite
from twin.simulation.forward import STEP, ForwardECG
from twin.simulation.heartbeat import HeartBeat
from twin.simulation.lead_field import LeadField
from twin.simulation.settings import Body, Leads, Settings


@dataclass(frozen=True, eq=False)
class Simulation:
    """One heartbeat, ready to run: `Simulation.of(heart).run().ecg`.

    The torso stands around the heart already.
    """

    heart: Heart
    torso: Torso
    settings: Settings

    @staticmethod
    def of(
        heart: Heart, torso: Torso | None = None, settings: Settings | None = None
    ) -> "Simulation":
        """With the torso that the settings describe, unless one is given, around the heart."""
        settings = settings or Settings()
        torso = torso or torso_for(heart, settings.torso)
        return Simulation(heart, torso.place(heart), settings)

    def run(self, progress: Progress = silent) -> HeartBeat:
        """The beat; the same heart, torso and settings give the same bits."""
        progress("activation", 0.0)
        activated = excite(self.heart, self.settings)
        progress("repolarisation", 0.1)
        evened = self.settings.physiology.action_potential_durations(self.heart, activated.times)
        durations = np.asarray(evened)
        progress("action potentials", 0.15)
        potentials = ActionPotentials.of()
        progress(f"lead field ({self.settings.ecg.lead_field.replace('_', ' ')})", 0.2)
        lead_field = self.lead_field()
        progress("ECG", 0.9)
        ecg = _ecg(self, activated, durations, lead_field, potentials)
        progress("ECG", 1.0)
        return HeartBeat(
            self.heart,
            self.torso,
            activated,
            durations,
            potentials,
            ecg,
            self.settings.ecg.start,
            remarks=(*lead_field.remarks, *activated.remarks),
            provenance=self.provenance,
        )

    def lead_field(self) -> LeadField:
        """By the method of the settings."""
        leads = self.settings.ecg
        if leads.lead_field == "finite_elements":
            return LeadField.finite_elements(self.heart, self.torso, leads.finest)
        if leads.lead_field == "infinite_medium":
            return LeadField.infinite_medium(self.heart, self.torso)
        return LeadField.boundary_elements(self.heart, self.torso)

    @property
    def provenance(self) -> dict[str, object]:
        """What the beat follows from."""
        return {
            "version": version("twin"),
            "heart": self.heart.content,
            "heart_provenance": dict(self.heart.provenance),
            "torso": self.torso.content,
            "torso_provenance": dict(self.torso.provenance),
            "tree_seed": self.settings.purkinje.seed,
            "settings": self.settings.model_dump(),
        }


def torso_for(heart: Heart, body: Body) -> Torso:
    """The patient's torso from files; or the template, fitted to the electrodes that came with the
    heart, or of the sex that its heart is of."""
    conductivities = body.conductivities
    if body.electrodes:
        return Torso.read(
            body.skin or None,
            body.electrodes,
            lungs=tuple(body.lungs),
            unit=body.unit or None,
            conductivities=conductivities,
        )
    if body.skin or body.lungs:
        raise InputError(
            f"torso: {body.skin or body.lungs[0]} without electrodes; name the file of electrodes "
            "in the same frame too"
        )
    own = heart.provenance.get("electrodes")
    if isinstance(own, dict) and not (body.sex or body.height):
        places = {name: np.asarray(place, float) for name, place in own.items()}
        return Torso.around(places, conductivities)
    said = heart.provenance.get("sex")
    sex = body.template_sex or (Sex(said) if said in list(Sex) else None)
    return Torso.template(sex=sex, height=body.height or None, conductivities=conductivities)


def _ecg(simulation, activated: Activation, durations, lead_field, potentials):
    leads: Leads = simulation.settings.ecg
    forward = ForwardECG.of(
        simulation.heart,
        lead_field,
        leads.cells,
        potentials,
        start=leads.start,
        samples=round((leads.end - leads.start) / STEP),
    )
    ecg = forward.record(activated.times, durations, provenance=simulation.provenance)
    return ecg if leads.rate == ecg.rate else ecg.resample(leads.rate)
