"""What a run is put together from: the model it starts from, what it learns, and the trainer of its objective."""

from dataclasses import dataclass, replace
from importlib import import_module

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase, ProcessorMixin, TrainingArguments

from backend.errors import DataError, JobError
from backend.jobs.context import JobContext
from backend.sight.kept import Kept, fingerprint
from backend.sight.load import load_processor
from backend.training import stacked
from backend.training.checkpoints import Checkpoints
from backend.training.loop.arguments import values
from backend.training.loop.check import TOKENS_AT_ONCE, Check
from backend.training.loop.course import Course
from backend.training.loop.fit import Fit
from backend.training.loop.group import Group
from backend.training.loop.sharing import split
from backend.training.loop.trainer import StudioTrainer
from backend.training.loop.watched import Watched
from backend.training.network import optimizer, start
from backend.training.network.adapter import Network, prepare
from backend.training.network.answers import Examiner, Writer
from backend.training.network.load import Head, Precision, inspect, load_base, load_tokenizer, precision
from backend.training.pictures.chat import SightFormat
from backend.training.pictures.documents import material as sighted
from backend.training.pictures.probes import Probe
from backend.training.pictures.showing import Showing
from backend.training.pictures.telling import Teller, Viewer
from backend.training.request import TrainRequest
from backend.training.text.batches import Plan
from backend.training.text.corpora import streamed
from backend.training.text.documents import Material, material
from backend.training.text.pairs import Pair
from backend.training.text.tokens import NewTokens
from backend.training.text.windows import Windows
from backend.training.watch import Watch

# Opened only for a run that learns preferences: it brings TRL.
PREFERENCE = "backend.training.preference.trainer"
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Beginning:
    """The model that a run starts from, and the tokenizer it is asked with. `begun`: what a PiSSA adapter began as."""

    model: Network
    tokenizer: PreTrainedTokenizerBase
    head: Head
    precision: Precision
    begun: start.State | None = None


@dataclass(frozen=True)
class Assembled:
    """All that a run needs. `check` is None where nothing is asked before and after."""

    trainer: Watched
    beginning: Beginning
    check: Check | None


@dataclass(frozen=True)
class Assembly:
    """How the parts of one attempt are made, in this process of its `group`."""

    job: JobContext
    request: TrainRequest
    device: torch.device
    watch: Watch
    group: Group

    def make(self, checkpoints: Checkpoints, chosen: Fit, *, fresh: bool) -> Assembled:
        """`fresh`: from the first step on, not from a checkpoint."""
        recipe, location = self.request.recipe, str(self.request.model.location)
        self.watch.phase("quantising" if recipe.method == "qlora" else "loading")
        torch.manual_seed(recipe.compute.seed)
        processor = load_processor(location, recipe.own_template) if recipe.objective == "vision" else None
        tokenizer = processor.tokenizer if processor else load_tokenizer(location, recipe.own_template)
        new = NewTokens.of(tokenizer, recipe.new_tokens) if recipe.new_tokens else None
        # A model that is shared in parts may be too large for one card: it is cut up where it is loaded.
        base = load_base(location, recipe, self.device, at=CPU if self.group.in_parts else self.device)
        if new:
            new.grow(base)
        self.watch.phase("checking")
        head = inspect(base)
        if self.request.before is not None:
            stacked.attach(base, self.request.before.adapter)
        read = self._material(tokenizer, processor)
        model = prepare(base, recipe, location, new)
        if new:
            head = replace(head, layer=model.get_output_embeddings(), plain=False)
        showing = Showing.of(model, read.chat.eyes, self._kept()) if isinstance(read.chat, SightFormat) else None
        head = showing.head(head) if showing else head
        beginning = self._begin(Beginning(model, tokenizer, head, precision(recipe, self.device)), read, fresh=fresh)
        split(beginning.model, self.group, self.device)
        kind = beginning.precision
        writer = Writer(beginning.model, read.chat, kind.autocast) if read.chat else None
        course = self._course(read, chosen, head, checkpoints, writer)
        if showing and writer:
            course = replace(course, collate=showing.collate, answer=self._viewer(Teller(writer, showing), read))
        trainer = self._trainer(beginning, course, chosen)
        return Assembled(trainer, beginning, self._checking(read, writer, trainer))

    def _material(self, tokenizer: PreTrainedTokenizerBase, processor: ProcessorMixin | None) -> Material:
        """What the run learns from; rows that had to be left out are said."""
        if self.request.weighed:
            found = streamed(self.request, tokenizer, self.job.workspace)
            tokens = sum(map(len, found.held_out))
            if tokens:
                told = DataError("training.held_sample", documents=len(found.held_out), tokens=tokens)
                self.watch.note(told)
            return Material([], found.held_out, None, streamed=found)
        read = sighted(self.request, processor) if processor else material(self.request, tokenizer)
        recipe, total = self.request.recipe, read.dropped + len(read.train)
        if read.dropped:
            key = "training.pairs_dropped" if recipe.objective == "preference" else "training.dropped"
            self.watch.note(
                DataError(key, length=recipe.batch.max_length, dropped=read.dropped, total=total), "warning"
            )
        if read.cut:
            said = DataError("training.pairs_cut", length=recipe.batch.max_length, cut=read.cut, total=len(read.train))
            self.watch.note(said, "warning")
        return read

    def _kept(self) -> Kept | None:
        """Where what the tower sees is kept, unless the recipe wants it looked at every time."""
        recipe, model = self.request.recipe, self.request.model.folder
        if not recipe.vision.keep:
            return None
        numbers = f"{precision(recipe, self.device)} {recipe.method == 'qlora'} {self.device.type}"
        return Kept(self.job.workspace.features, fingerprint(model, numbers))

    def _begin(self, plain: Beginning, read: Material, *, fresh: bool) -> Beginning:
        """Where the adapter begins elsewhere than at nothing. A resumed one has long begun, and EVA need not look."""
        wanted = self.request.recipe.lora
        model = plain.model
        if not isinstance(model, PeftModel) or wanted.start == "zero":
            return plain
        if wanted.start == "pissa":
            return replace(plain, begun=start.first(model))
        if fresh:
            rows = read.streamed.first() if read.streamed else read.train
            seen = [one.document if isinstance(one, Pair) else one for one in rows]
            start.look_at(model, seen, wanted.rank, plain.head, autocast=plain.precision.autocast)
        else:
            start.plain(model)
        return plain

    def _course(
        self, read: Material, chosen: Fit, head: Head, checkpoints: Checkpoints, writer: Writer | None
    ) -> Course:
        recipe, plan = self.request.recipe, self._plan(read, chosen)
        return Course(
            plan=plan,
            documents=read.train or range(read.count),
            held_out=read.held_out,
            head=head,
            watching=recipe.watching,
            checkpoints=checkpoints,
            watch=self.watch,
            answer=Examiner(writer, recipe.watching.questions, self.watch) if writer else _ask_nothing,
            stop_requested=self.group.stop(self.job.stop_requested),
            recipe=recipe,
            windows=Windows(plan, read.streamed.texts) if read.streamed else None,
            group=self.group,
        )

    def _viewer(self, teller: Teller, read: Material) -> Viewer:
        probes = tuple(Probe.of(row, self.job.folder) for row in read.shown)
        asked = self.request.recipe.watching.questions
        return Viewer(teller, probes, self.watch, Examiner(teller.writer, asked, self.watch, first=len(probes)))

    def _plan(self, read: Material, chosen: Fit) -> Plan:
        recipe = self.request.recipe
        return Plan(
            documents=read.count,
            effective=recipe.batch.size * recipe.batch.accumulation,
            micro=chosen.micro,
            epochs=recipe.schedule.epochs,
            max_steps=recipe.schedule.max_steps,
            seed=recipe.compute.seed,
            rank=self.group.rank,
            ranks=self.group.ranks,
        )

    def _trainer(self, beginning: Beginning, course: Course, chosen: Fit) -> Watched:
        """The trainer of the recipe's objective."""
        recipe = self.request.recipe
        asked = values(recipe, course.plan, beginning.precision, self.device, checkpointing=chosen.checkpointing)
        for reason in optimizer.require(recipe, TrainingArguments(**asked), self.device):
            self.watch.note(JobError("training.not_paged", reason=reason))
        if recipe.objective == "preference":
            made: Watched = import_module(PREFERENCE).PreferenceTrainer(
                beginning.model, asked, course, beginning.tokenizer
            )
            return made
        return StudioTrainer(beginning.model, TrainingArguments(**asked), course)

    def _checking(self, read: Material, writer: Writer | None, trainer: Watched) -> Check | None:
        """What is asked before and after; nothing for plain text, or when every question is trained on."""
        if read.known:
            numbers = {"dropped": read.known, "total": read.known + sum(map(len, read.check.values()))}
            self.watch.note(DataError("training.check_known", **numbers), "warning")
        if writer is None or not read.check:
            return None
        most = max(1, TOKENS_AT_ONCE >> self.job.memory_failures)
        return Check(read.check, writer, self.job.folder, self.watch, trainer.quiet, most)


def _ask_nothing(step: int) -> None:
    """A model trained on plain text is not asked questions."""
