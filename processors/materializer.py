"""The materializer: applies a partition's events in log order. The only writer of its part of the index.

Order of work for a batch: rows, position and facts in one transaction of the index; then the facts log;
then the receipts. A crash in between is healed by replay: see `docs/design/recovery.md`.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec

from index.contract import Change, IndexWriter, KeyState, PendingFacts, PutUsage
from processors.apply.decision import Decision, Moment
from processors.apply.identities import apply_identities_change, identities_wanted
from processors.apply.rules import (
    NO_STATE,
    apply_bucket_event,
    apply_object_event,
    bucket_name,
    want,
)
from processors.apply.usage import NONE, usage_of
from schemas.errors import LogCorrupt
from schemas.events import (
    OBJECT_VERSIONS,
    RULES_VERSION,
    BucketConfigure,
    Event,
    IdentitiesChange,
    ObjectEvent,
    PolicyEvent,
    decode_event,
)
from schemas.facts import encode_fact
from schemas.receipts import Receipt, encode_receipt
from schemas.rows import BucketEpoch, Usage
from schemas.seq import POLICY_PARTITIONS, encode_seq


class Applied(NamedTuple):
    """A batch that is in the index: its receipts and encoded facts, one per event, in order. `kept`: the
    receipts as they stay in the index."""

    receipts: list[Receipt]
    facts: tuple[bytes, ...]
    kept: tuple[bytes, ...] = ()


class Materializer:
    """Applies one partition of `object-versions` or `policies` to an index.

    It never skips an event: one that cannot be decoded or applied stops the partition, loudly. With
    `keep_receipts` the receipts stay in the index as long as the facts do, so that a worker that takes the
    partition over can answer the writers of a batch that its predecessor died over.
    """

    def __init__(
        self,
        index: IndexWriter,
        topic: str,
        partition: int = 0,
        generation: int = 0,
        keep_receipts: bool = False,
    ) -> None:
        self._index = index
        self._keep_receipts = keep_receipts
        self._last_time: int | None = None
        self._topic = topic
        self._partition = partition
        numbered = partition if topic == OBJECT_VERSIONS else POLICY_PARTITIONS + partition
        self._first_seq = encode_seq(generation, numbered, 0)
        self._epochs: dict[bytes, BucketEpoch | None] = {}
        self._usage: dict[bytes, Usage] = {}

    async def position(self) -> int:
        """The offset of the first event not yet applied."""
        return await self._index.position(self._topic, self._partition)

    async def apply(self, offset: int, times: Sequence[int], payloads: Sequence[bytes]) -> Applied:
        """Apply consecutive events, the first at `offset`, and commit them as one batch. `times` are the
        log's append times; where its clocks went back, commit time stands still.

        Raises LogCorrupt for an event that cannot be understood, and whatever the index raises; then
        nothing of the batch is visible and the same batch may be applied again.
        """
        try:
            times = await self._monotone(times)
            decisions = await self._decide(offset, times, payloads)
            facts = tuple(encode_fact(decision.fact) for decision in decisions)
            last = offset + len(payloads) - 1
            kept = tuple(encode_receipt(d.receipt) for d in decisions) if self._keep_receipts else ()
            pending = PendingFacts(offset, last, facts, times[-1], kept)
            await self._index.commit(self._topic, self._partition, last + 1, pending)
        except BaseException:
            self._epochs.clear()
            self._usage.clear()
            await self._index.rollback()
            raise
        self._last_time = times[-1]
        return Applied([decision.receipt for decision in decisions], facts, kept)

    async def _monotone(self, times: Sequence[int]) -> list[int]:
        """The times, none below the one before it, nor below those of earlier batches."""
        if self._last_time is None:
            self._last_time = await self._index.last_time(self._topic, self._partition)
        return list(accumulate(times, max, initial=self._last_time))[1:]

    async def _decide(self, offset: int, times: Sequence[int], payloads: Sequence[bytes]) -> list[Decision]:
        events = [self._decode(offset + i, payload) for i, payload in enumerate(payloads)]
        decisions: list[Decision] = []
        if self._topic != OBJECT_VERSIONS:
            for i, event in enumerate(events):
                moment = Moment(self._first_seq + offset + i, times[i])
                decisions.append(await self._decide_policy(event, moment))
            return decisions
        # A key's next event must see what its previous one wrote, so a batch is cut into waves in
        # which every key (and every bucket's epoch) appears once.
        start = 0
        used: dict[bytes, Usage] = {}
        while start < len(events):
            stop = _wave_end(events, start)
            wave = events[start:stop]
            moments = [Moment(self._first_seq + offset + i, times[i]) for i in range(start, stop)]
            decisions += await self._decide_wave(wave, moments, used)
            start = stop
        if used:
            await self._count(used)
        return decisions

    async def _decide_wave(
        self, wave: Sequence[Event], moments: Sequence[Moment], used: dict[bytes, Usage]
    ) -> list[Decision]:
        """Decide events of which no two are about one key; what they change of usage is added to `used`."""
        wants = [want(event) for event in wave]  # type: ignore[arg-type]
        loaded = iter(await self._index.load([w for w in wants if w is not None]))
        decisions: list[Decision] = []
        changes: list[Change] = []
        for event, wanted, moment in zip(wave, wants, moments, strict=True):
            state: KeyState = next(loaded) if wanted is not None else NO_STATE
            epoch = await self._epoch(event.bucket_id)  # type: ignore[union-attr]
            decision = apply_object_event(event, state, epoch, moment)  # type: ignore[arg-type]
            decisions.append(decision)
            if decision.changes:
                changes += decision.changes
                more = usage_of(decision, state, moment.seq)
                if more is not NONE:
                    bucket_id = event.bucket_id  # type: ignore[union-attr]
                    used[bucket_id] = used.get(bucket_id, NONE) + more
            if wanted is None:
                self._epochs.pop(event.bucket_id, None)  # type: ignore[union-attr]
        if changes:
            await self._index.write(self._partition, changes)
        return decisions

    async def _count(self, used: dict[bytes, Usage]) -> None:
        """Write how much there is of the buckets now, once for the batch."""
        if len(self._usage) > 10_000:
            self._usage.clear()
        changes: list[Change] = []
        for bucket_id, more in used.items():
            before = self._usage.get(bucket_id)
            if before is None:
                before = await self._index.usage(self._partition, bucket_id)
            self._usage[bucket_id] = after = before + more
            changes.append(PutUsage(bucket_id, after))
        await self._index.write(self._partition, changes)

    async def _decide_policy(self, event: Event, moment: Moment) -> Decision:
        if not isinstance(event, PolicyEvent):
            raise LogCorrupt(f"{type(event).__name__} does not belong in the topic {self._topic}")
        if isinstance(event, IdentitiesChange):
            there = {key: await self._index.identity(*key) for key in identities_wanted(event)}
            decision = apply_identities_change(event, there, moment)
        else:
            known = await self._index.bucket(bucket_name(event))
            present = None
            if isinstance(event, BucketConfigure):
                present = await self._index.configuration(event.bucket_id, event.kind, event.identifier)
            decision = apply_bucket_event(event, known, present, moment)
        if decision.changes:
            await self._index.write(self._partition, decision.changes)
        return decision

    async def _epoch(self, bucket_id: bytes) -> BucketEpoch | None:
        """The bucket's epoch, remembered between batches: this partition has no other writer."""
        try:
            return self._epochs[bucket_id]
        except KeyError:
            if len(self._epochs) > 10_000:
                self._epochs.clear()
            epoch = await self._index.epoch(self._partition, bucket_id)
            self._epochs[bucket_id] = epoch
            return epoch

    def _decode(self, offset: int, payload: bytes) -> Event:
        where = f"{self._topic}/{self._partition} at offset {offset}"
        try:
            event = decode_event(payload)
        except msgspec.MsgspecError as error:
            raise LogCorrupt(f"the event in {where} cannot be decoded: {error}") from error
        if event.rules > RULES_VERSION:
            raise LogCorrupt(
                f"the event in {where} was written for version {event.rules} of the rules, and this "
                f"program knows version {RULES_VERSION}: upgrade it before it reads this log"
            )
        if isinstance(event, PolicyEvent) != (self._topic != OBJECT_VERSIONS):
            raise LogCorrupt(f"{type(event).__name__} in {where} does not belong in this topic")
        return event


def _wave_end(events: Sequence[Event], start: int) -> int:
    """The first event after `start` that touches a key touched since `start`. An epoch touches every
    key of its bucket, so it stands in a wave of its own."""
    seen: set[tuple[bytes, str]] = set()
    for i in range(start, len(events)):
        event: ObjectEvent = events[i]  # type: ignore[assignment]
        key = getattr(event, "key", None)
        if key is None:
            return i if i > start else i + 1
        mark = (event.bucket_id, key)
        if mark in seen:
            return i
        seen.add(mark)
    return len(events)
