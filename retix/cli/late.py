"""What commands need that run models: found when it is first used, as importing torch takes seconds."""

from retix.door import open_door

__getattr__ = open_door(
    __name__,
    **dict.fromkeys(("RetiariiExeConfig", "RetiariiExperiment", "export_folders", "find_earlier"), "retix.experiment"),
)
