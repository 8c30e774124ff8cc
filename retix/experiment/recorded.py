"""An experiment as it is recorded: looked into, taken out of, and told what to do while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from retix.dashboard import Page
from retix.errors import ConfigError, StoreError
from retix.experiment.config import RetiariiExeConfig
from retix.experiment.export.exporting import find_export
from retix.experiment.export.folder import Folder, export_folders
from retix.experiment.record.recorded_model import RecordedModels
from retix.model_space import ModelSpace
from retix.objective import Objective, Objectives
from retix.space import Sample
from retix.store import (
    ExperimentInfo,
    FailureCount,
    OptimizeMode,
    StoreReader,
    find_best,
    find_front,
    read_objectives,
    send_command,
    wait_for_answer,
)
from retix.trial import Trial

# Seconds for which the driver's answer is waited for; it looks for commands several times a second.
_PATIENCE = 30.0


class RecordedExperiment:
    """An experiment in the store, whoever runs it or ran it. `RetiariiExperiment.view` gives one.

    What looks into it works at any time. `pause`, `unpause`, `stop`, `cancel`, `set` and `enqueue` are commands to the
    process that runs the search; they return when it has answered.

    Args:
        reader: The experiment; None for one that is to run yet.
        page: The page that shows it, if one does.
    """

    def __init__(self, reader: StoreReader | None, page: Page | None = None) -> None:
        self._reader = reader
        self._page = page

    # -- looking ------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The experiment's id, by which `retix show` and the others know it.

        Raises:
            ConfigError: It has not run yet.
        """
        return self._store().id

    @property
    def info(self) -> ExperimentInfo:
        """The experiment as a whole: its name, state, settings and versions.

        Raises:
            ConfigError: It has not run yet.
        """
        return self._store().info()

    def trials(self) -> list[Trial]:
        """Every trial so far, in the order of proposals.

        Raises:
            ConfigError: The experiment has not run yet.
        """
        return self._store().trials()

    def failures(self) -> list[FailureCount]:
        """How often trials failed, by the kind of failure, with the last message of each.

        Raises:
            ConfigError: The experiment has not run yet.
        """
        return list(self._store().failures())

    def directory(self, trial: Trial | None = None) -> Path:
        """The directory of the experiment, or of one of its trials.

        Raises:
            ConfigError: The experiment has not run yet.
        """
        reader = self._store()
        return reader.directory if trial is None else reader.trial_directory(trial.id)

    @property
    def objectives(self) -> Objectives:
        """What the search is after, with its limits.

        Raises:
            ConfigError: The experiment has not run yet.
        """
        return read_objectives(self.info)

    def front(self) -> list[Trial]:
        """The trials so far that no other is better than in all objectives, sorted by the first of them.

        Trials within the limits come before all others; if there is none, these are the ones that are closest to them.
        With one objective they are the best trial and its equals. Duplicates and pruned trials are left out.

        Raises:
            ConfigError: The experiment has not run yet.
        """
        return find_front(self._store())

    def top_trials(self, top_k: int | None = None, optimize_mode: OptimizeMode | None = None) -> list[Trial]:
        """The best trials so far, best first; those that ran to their end, not their duplicates.

        Args:
            top_k: How many. With several objectives, how many of the `front`. By default one, or the whole front.
            optimize_mode: If given, the metric ``default`` alone counts, in this direction.

        Raises:
            ConfigError: The experiment has not run yet, or an argument has another value.
        """
        reader = self._store()
        if top_k is not None and top_k < 1:
            raise ConfigError(f"top_k is {top_k}", fix="ask for at least one model")
        if optimize_mode not in (None, "maximize", "minimize"):
            raise ConfigError(f"there is no optimize_mode {optimize_mode!r}", fix="use 'maximize' or 'minimize'")
        if optimize_mode is not None:
            return find_best(reader, top_k or 1, Objectives([Objective(mode=optimize_mode)]))
        if top_k is None and len(self.objectives) > 1:
            return self.front()
        return find_best(reader, top_k or 1)

    # -- taking out ---------------------------------------------------------------------------------------------

    def export_top_models(
        self,
        top_k: int | None = None,
        optimize_mode: OptimizeMode | None = None,
        formatter: Literal["code", "dict", "instance"] = "dict",
    ) -> list[Any]:
        """The best models found so far, best first; with several objectives the front, sorted by the first of them.

        Args:
            top_k: How many. By default one, or with several objectives the whole `front`, of which ``top_k`` are taken
                that are best by the first.
            optimize_mode: If given, the metric ``default`` alone counts, in this direction.
            formatter: ``code`` for the source of each model, ``dict`` for its choices, label to answer, ``instance``
                for the model itself, with the weights that were trained if they were kept (see ``keep_weights``).

        Raises:
            ConfigError: The experiment has not run yet, or an argument has another value.
            StoreError: A model cannot be read, or was written by somebody else.
        """
        export = find_export(formatter)
        models = RecordedModels(self._store())
        space = self._own_space()
        return [export(models.read(trial), space) for trial in self.top_trials(top_k, optimize_mode)]

    def export(
        self,
        out: str | Path,
        top_k: int = 1,
        *,
        front: bool = False,
        trial: int | None = None,
        onnx: bool = False,
        check: bool = True,
        force: bool = False,
    ) -> list[Folder]:
        """Write models to folders ``<out>/<rank>-trial-<id>``, as ``retix export`` does.

        Args:
            out: Where to; created where it is missing.
            top_k: How many of the best; with several objectives, of the `front`, as they are sorted there.
            front: Whether to write the whole `front` instead.
            trial: The id of one trial to write instead, whatever its rank.
            onnx: Whether to write ``model.onnx`` too.
            check: Whether each model is loaded in a clean interpreter, and its outputs are compared.
            force: Whether folders that exist already are replaced.

        Raises:
            StoreError: There is nothing to export, or a folder holds something already.
            ConfigError: The experiment has not run yet, or a model has no ONNX form.
        """
        reader = self._store()
        best = [] if trial is not None else self.front() if front else self.top_trials(top_k)
        chosen = best if trial is None else [reader.trial(trial)]
        return export_folders(reader, chosen, Path(out), onnx=onnx, check=check, force=force)

    # -- commands -----------------------------------------------------------------------------------------------

    def pause(self) -> str:
        """Begin no further trials until `unpause`; what runs goes on.

        Returns:
            What the search answers, here and below.

        Raises:
            StoreError: Nobody runs the experiment, or it refuses; here and below.
        """
        return self._command("pause")

    def unpause(self) -> str:
        """Go on after `pause`."""
        return self._command("resume")

    def stop(self) -> None:
        """End the search soon; what runs is stopped."""
        self._command("stop")

    def cancel(self, trial: Trial | int) -> str:
        """Stop one trial; the search goes on."""
        return self._command("cancel", trial=trial if isinstance(trial, int) else trial.id)

    def set(self, **changes: Any) -> str:
        """Change ``trial_concurrency``, ``max_trial_number`` or ``max_experiment_duration`` of a search that runs.

        Raises:
            ConfigError: A value makes no sense.
            StoreError: Nobody runs the experiment, or it refuses.
        """
        checked = RetiariiExeConfig(**changes).to_json()
        return self._command("set", **{name: checked.get(name) for name in changes})

    def enqueue(self, sample: Mapping[str, Any]) -> int:
        """Have a sample of one's own tried next; choices that it leaves out take their first answer.

        Returns:
            The id of its trial.
        """
        return int(self._command("enqueue", sample=Sample(sample).to_json()))

    def close(self) -> None:
        """End the page, if `RetiariiExperiment.view` has started one; closing again does nothing."""
        if self._page is not None:
            self._page.close()

    def _command(self, name: str, **arguments: Any) -> str:
        directory = self._store().directory
        answer = wait_for_answer(directory, send_command(directory, name, arguments), _PATIENCE)
        if not answer.ok:
            raise StoreError(f"the experiment {directory.name!r} refuses to {name}: {answer.text}")
        return answer.text

    def _own_space(self) -> ModelSpace | None:
        """The space in this process, if it is here."""
        return None

    def _store(self) -> StoreReader:
        if self._reader is None:
            raise ConfigError("the experiment has not run yet", fix="call run(config) first")
        return self._reader
