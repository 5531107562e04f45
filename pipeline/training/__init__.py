"""Which trainings of which experiment, on Ray or in this process."""

import lazy_loader

# They need torch, or the config classes.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__,
    submod_attrs={
        "sources": ["TrainingData", "choose_data"],
        "template": ["write_template"],
        "train": ["Request", "run_training"],
    },
)
__all__ = [
    "Request",
    "TrainingData",
    "choose_data",
    "run_training",
    "write_template",
]
