"""Who makes a cohort: processes, a cluster's jobs, a workstation's."""
