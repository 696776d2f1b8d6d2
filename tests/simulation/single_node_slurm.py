"""A SLURM of one node on this machine, from Debian's slurmctld, slurmd and munge; needs root.

Two partitions on the same node: `low`, whose jobs are put back into the queue when a job of `high`
wants the node.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
CONFIGURATION = """\
ClusterName=twin
SlurmctldHost={host}
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=1
ReturnToService=2
SchedulerParameters=sched_interval=2,bf_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory}
PartitionName=low Nodes={host} Default=YES PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes={host} PriorityTier=10 PreemptMode=OFF
"""


def reason_without() -> str | None:
    """Why there can be no SLURM here."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurmctld slurmd slurm-client munge"
    if os.geteuid():
        return "only root can start munged and slurmd"
    return None


class SingleNodeSlurm:
    """Started with the block, ended with it; what it runs finds it through SLURM_CONF."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: list[subprocess.Popen] = []

    def __enter__(self) -> "SingleNodeSlurm":
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        text = CONFIGURATION.format(
            host=socket.gethostname(),
            folder=self.folder,
            cores=os.cpu_count(),
            memory=int(megabytes * 0.9),
        )
        (self.folder / "slurm.conf").write_text(text)
        os.environ["SLURM_CONF"] = str(self.folder / "slurm.conf")
        self._munge()
        self.daemons += [self._start("slurmctld", "-D"), self._start("slurmd", "-D")]
        self._wait_for_node()
        return self

    def __exit__(self, *_) -> None:
        subprocess.run(["scancel", "--user", "root"], capture_output=True, check=False)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            daemon.wait(10)
        del os.environ["SLURM_CONF"]

    def jobs(self) -> list[tuple[str, str, str]]:
        """Number, partition and state of each."""
        said = self.ask("squeue", "--noheader", "--array", "--format=%i|%P|%T")
        return [tuple(line.split("|")) for line in said.split()]  # type: ignore[misc]

    def ask(self, *command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _start(self, *command: str) -> subprocess.Popen:
        with open(self.folder / f"{command[0]}.out", "wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def _munge(self) -> None:
        if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode == 0:
            return
        for place in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
            Path(place).mkdir(exist_ok=True)
            shutil.chown(place, "munge", "munge")
        as_munge = ["setpriv", "--reuid=munge", "--regid=munge", "--clear-groups"]
        self.daemons.append(self._start(*as_munge, "munged", "--foreground"))

    def _wait_for_node(self) -> None:
        for _ in range(60):
            said = subprocess.run(
                ["sinfo", "-h", "-o", "%t"], capture_output=True, text=True, check=False
            )
            if "idle" in said.stdout:
                return
            time.sleep(0.5)
        raise RuntimeError((self.folder / "slurmd.log").read_text()[-2000:])


if __name__ == "__main__":
    if why := reason_without():
        sys.exit(why)
    with SingleNodeSlurm(Path(sys.argv[1]).absolute()) as slurm:
        sys.exit(subprocess.run(sys.argv[2:], check=False).returncode)
