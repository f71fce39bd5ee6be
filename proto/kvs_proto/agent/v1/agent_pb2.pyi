# SPDX-License-Identifier: Apache-2.0
from google.protobuf import any_pb2 as _any_pb2
from ligato.configurator import configurator_pb2 as _configurator_pb2
from ligato.kvscheduler import value_status_pb2 as _value_status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResyncKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESYNC_KIND_UNSPECIFIED: _ClassVar[ResyncKind]
    RESYNC_KIND_FULL: _ClassVar[ResyncKind]
    RESYNC_KIND_UPSTREAM: _ClassVar[ResyncKind]
    RESYNC_KIND_DOWNSTREAM: _ClassVar[ResyncKind]

class Origin(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORIGIN_UNSPECIFIED: _ClassVar[Origin]
    ORIGIN_NORTHBOUND: _ClassVar[Origin]
    ORIGIN_SOUTHBOUND: _ClassVar[Origin]
    ORIGIN_UNKNOWN: _ClassVar[Origin]

class View(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIEW_UNSPECIFIED: _ClassVar[View]
    VIEW_DESIRED: _ClassVar[View]
    VIEW_CONFIGURED: _ClassVar[View]
    VIEW_LIVE: _ClassVar[View]
RESYNC_KIND_UNSPECIFIED: ResyncKind
RESYNC_KIND_FULL: ResyncKind
RESYNC_KIND_UPSTREAM: ResyncKind
RESYNC_KIND_DOWNSTREAM: ResyncKind
ORIGIN_UNSPECIFIED: Origin
ORIGIN_NORTHBOUND: Origin
ORIGIN_SOUTHBOUND: Origin
ORIGIN_UNKNOWN: Origin
VIEW_UNSPECIFIED: View
VIEW_DESIRED: View
VIEW_CONFIGURED: View
VIEW_LIVE: View

class Change(_message.Message):
    __slots__ = ("values", "items", "deletes", "replace", "source", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    DELETES_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    values: _configurator_pb2.Config
    items: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    deletes: _containers.RepeatedScalarFieldContainer[str]
    replace: bool
    source: str
    labels: _containers.ScalarMap[str, str]
    def __init__(self, values: _Optional[_Union[_configurator_pb2.Config, _Mapping]] = ..., items: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping]]] = ..., deletes: _Optional[_Iterable[str]] = ..., replace: bool = ..., source: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RetryPolicy(_message.Message):
    __slots__ = ("first_delay_s", "factor", "max_delay_s", "max_attempts")
    FIRST_DELAY_S_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    MAX_DELAY_S_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    first_delay_s: float
    factor: float
    max_delay_s: float
    max_attempts: int
    def __init__(self, first_delay_s: _Optional[float] = ..., factor: _Optional[float] = ..., max_delay_s: _Optional[float] = ..., max_attempts: _Optional[int] = ...) -> None: ...

class PlanMark(_message.Message):
    __slots__ = ("revision", "fingerprint")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    revision: int
    fingerprint: bytes
    def __init__(self, revision: _Optional[int] = ..., fingerprint: _Optional[bytes] = ...) -> None: ...

class PlanRequest(_message.Message):
    __slots__ = ("change", "revert", "resync", "refresh")
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    REVERT_FIELD_NUMBER: _ClassVar[int]
    RESYNC_FIELD_NUMBER: _ClassVar[int]
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    change: Change
    revert: bool
    resync: ResyncKind
    refresh: bool
    def __init__(self, change: _Optional[_Union[Change, _Mapping]] = ..., revert: bool = ..., resync: _Optional[_Union[ResyncKind, str]] = ..., refresh: bool = ...) -> None: ...

class PlanResponse(_message.Message):
    __slots__ = ("plan",)
    PLAN_FIELD_NUMBER: _ClassVar[int]
    plan: Plan
    def __init__(self, plan: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("operations", "pending", "invalid", "errors", "mark", "gates", "protected")
    class ErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: InvalidValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[InvalidValue, _Mapping]] = ...) -> None: ...
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    INVALID_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    pending: _containers.RepeatedCompositeFieldContainer[Reason]
    invalid: _containers.RepeatedCompositeFieldContainer[Reason]
    errors: _containers.MessageMap[str, InvalidValue]
    mark: PlanMark
    gates: _containers.RepeatedCompositeFieldContainer[Gate]
    protected: _containers.RepeatedCompositeFieldContainer[Reason]
    def __init__(self, operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., pending: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., invalid: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., errors: _Optional[_Mapping[str, InvalidValue]] = ..., mark: _Optional[_Union[PlanMark, _Mapping]] = ..., gates: _Optional[_Iterable[_Union[Gate, _Mapping]]] = ..., protected: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("key", "text")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    key: str
    text: str
    def __init__(self, key: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Gate(_message.Message):
    __slots__ = ("after",)
    AFTER_FIELD_NUMBER: _ClassVar[int]
    after: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, after: _Optional[_Iterable[int]] = ...) -> None: ...

class InvalidValue(_message.Message):
    __slots__ = ("message", "fields")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    message: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, message: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("kind", "key", "base", "descriptor", "old", "new", "reason", "recreate", "after")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Operation.Kind]
        KIND_CREATE: _ClassVar[Operation.Kind]
        KIND_UPDATE: _ClassVar[Operation.Kind]
        KIND_DELETE: _ClassVar[Operation.Kind]
    KIND_UNSPECIFIED: Operation.Kind
    KIND_CREATE: Operation.Kind
    KIND_UPDATE: Operation.Kind
    KIND_DELETE: Operation.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECREATE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    kind: Operation.Kind
    key: str
    base: str
    descriptor: str
    old: str
    new: str
    reason: str
    recreate: bool
    after: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, kind: _Optional[_Union[Operation.Kind, str]] = ..., key: _Optional[str] = ..., base: _Optional[str] = ..., descriptor: _Optional[str] = ..., old: _Optional[str] = ..., new: _Optional[str] = ..., reason: _Optional[str] = ..., recreate: bool = ..., after: _Optional[_Iterable[int]] = ...) -> None: ...

class ValidateRequest(_message.Message):
    __slots__ = ("change",)
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    change: Change
    def __init__(self, change: _Optional[_Union[Change, _Mapping]] = ...) -> None: ...

class ValidateResponse(_message.Message):
    __slots__ = ("errors",)
    class ErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: InvalidValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[InvalidValue, _Mapping]] = ...) -> None: ...
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    errors: _containers.MessageMap[str, InvalidValue]
    def __init__(self, errors: _Optional[_Mapping[str, InvalidValue]] = ...) -> None: ...

class ApplyRequest(_message.Message):
    __slots__ = ("change", "revert", "retry", "expect", "description", "wait", "wait_s", "resync", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    REVERT_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    EXPECT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    WAIT_S_FIELD_NUMBER: _ClassVar[int]
    RESYNC_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    change: Change
    revert: bool
    retry: RetryPolicy
    expect: PlanMark
    description: str
    wait: bool
    wait_s: float
    resync: ResyncKind
    labels: _containers.ScalarMap[str, str]
    def __init__(self, change: _Optional[_Union[Change, _Mapping]] = ..., revert: bool = ..., retry: _Optional[_Union[RetryPolicy, _Mapping]] = ..., expect: _Optional[_Union[PlanMark, _Mapping]] = ..., description: _Optional[str] = ..., wait: bool = ..., wait_s: _Optional[float] = ..., resync: _Optional[_Union[ResyncKind, str]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ApplyResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: Result
    def __init__(self, result: _Optional[_Union[Result, _Mapping]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("number", "ok", "reverted", "errors", "operations", "duration_s", "statuses", "settled", "started", "description", "kind", "invalid")
    class ErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class InvalidEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: InvalidValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[InvalidValue, _Mapping]] = ...) -> None: ...
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    REVERTED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INVALID_FIELD_NUMBER: _ClassVar[int]
    number: int
    ok: bool
    reverted: bool
    errors: _containers.ScalarMap[str, str]
    operations: _containers.RepeatedCompositeFieldContainer[Executed]
    duration_s: float
    statuses: _containers.RepeatedCompositeFieldContainer[Status]
    settled: bool
    started: float
    description: str
    kind: str
    invalid: _containers.MessageMap[str, InvalidValue]
    def __init__(self, number: _Optional[int] = ..., ok: bool = ..., reverted: bool = ..., errors: _Optional[_Mapping[str, str]] = ..., operations: _Optional[_Iterable[_Union[Executed, _Mapping]]] = ..., duration_s: _Optional[float] = ..., statuses: _Optional[_Iterable[_Union[Status, _Mapping]]] = ..., settled: bool = ..., started: _Optional[float] = ..., description: _Optional[str] = ..., kind: _Optional[str] = ..., invalid: _Optional[_Mapping[str, InvalidValue]] = ...) -> None: ...

class Executed(_message.Message):
    __slots__ = ("operation", "error", "duration_s", "reverts")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    REVERTS_FIELD_NUMBER: _ClassVar[int]
    operation: Operation
    error: str
    duration_s: float
    reverts: bool
    def __init__(self, operation: _Optional[_Union[Operation, _Mapping]] = ..., error: _Optional[str] = ..., duration_s: _Optional[float] = ..., reverts: bool = ...) -> None: ...

class TryRequest(_message.Message):
    __slots__ = ("apply", "confirm", "timeout_s")
    APPLY_FIELD_NUMBER: _ClassVar[int]
    CONFIRM_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    apply: ApplyRequest
    confirm: bool
    timeout_s: float
    def __init__(self, apply: _Optional[_Union[ApplyRequest, _Mapping]] = ..., confirm: bool = ..., timeout_s: _Optional[float] = ...) -> None: ...

class TryResponse(_message.Message):
    __slots__ = ("outcome", "result")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[TryResponse.Outcome]
        OUTCOME_WAITING: _ClassVar[TryResponse.Outcome]
        OUTCOME_FAILED: _ClassVar[TryResponse.Outcome]
        OUTCOME_CONFIRMED: _ClassVar[TryResponse.Outcome]
        OUTCOME_ROLLED_BACK: _ClassVar[TryResponse.Outcome]
    OUTCOME_UNSPECIFIED: TryResponse.Outcome
    OUTCOME_WAITING: TryResponse.Outcome
    OUTCOME_FAILED: TryResponse.Outcome
    OUTCOME_CONFIRMED: TryResponse.Outcome
    OUTCOME_ROLLED_BACK: TryResponse.Outcome
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    outcome: TryResponse.Outcome
    result: Result
    def __init__(self, outcome: _Optional[_Union[TryResponse.Outcome, str]] = ..., result: _Optional[_Union[Result, _Mapping]] = ...) -> None: ...

class ResyncRequest(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: ResyncKind
    def __init__(self, kind: _Optional[_Union[ResyncKind, str]] = ...) -> None: ...

class ResyncResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: Result
    def __init__(self, result: _Optional[_Union[Result, _Mapping]] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("key", "base", "state", "origin", "adopted", "since", "error", "operation", "unmet", "derived", "sources")
    KEY_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ADOPTED_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    UNMET_FIELD_NUMBER: _ClassVar[int]
    DERIVED_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    key: str
    base: str
    state: _value_status_pb2.ValueState
    origin: Origin
    adopted: bool
    since: float
    error: str
    operation: str
    unmet: _containers.RepeatedCompositeFieldContainer[Unmet]
    derived: _containers.RepeatedCompositeFieldContainer[Status]
    sources: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key: _Optional[str] = ..., base: _Optional[str] = ..., state: _Optional[_Union[_value_status_pb2.ValueState, str]] = ..., origin: _Optional[_Union[Origin, str]] = ..., adopted: bool = ..., since: _Optional[float] = ..., error: _Optional[str] = ..., operation: _Optional[str] = ..., unmet: _Optional[_Iterable[_Union[Unmet, _Mapping]]] = ..., derived: _Optional[_Iterable[_Union[Status, _Mapping]]] = ..., sources: _Optional[_Iterable[str]] = ...) -> None: ...

class Unmet(_message.Message):
    __slots__ = ("label", "key", "state", "path", "cause")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    label: str
    key: str
    state: _value_status_pb2.ValueState
    path: _containers.RepeatedScalarFieldContainer[str]
    cause: str
    def __init__(self, label: _Optional[str] = ..., key: _Optional[str] = ..., state: _Optional[_Union[_value_status_pb2.ValueState, str]] = ..., path: _Optional[_Iterable[str]] = ..., cause: _Optional[str] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: Status
    def __init__(self, status: _Optional[_Union[Status, _Mapping]] = ...) -> None: ...

class StatusesRequest(_message.Message):
    __slots__ = ("prefix", "states")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    states: _containers.RepeatedScalarFieldContainer[_value_status_pb2.ValueState]
    def __init__(self, prefix: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_value_status_pb2.ValueState, str]]] = ...) -> None: ...

class StatusesResponse(_message.Message):
    __slots__ = ("statuses",)
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    statuses: _containers.RepeatedCompositeFieldContainer[Status]
    def __init__(self, statuses: _Optional[_Iterable[_Union[Status, _Mapping]]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("prefix",)
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    def __init__(self, prefix: _Optional[str] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: Status
    def __init__(self, status: _Optional[_Union[Status, _Mapping]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("prefix", "view", "source")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    view: View
    source: str
    def __init__(self, prefix: _Optional[str] = ..., view: _Optional[_Union[View, str]] = ..., source: _Optional[str] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("values",)
    class Value(_message.Message):
        __slots__ = ("key", "value", "sources", "labels")
        class LabelsEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        SOURCES_FIELD_NUMBER: _ClassVar[int]
        LABELS_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        sources: _containers.RepeatedScalarFieldContainer[str]
        labels: _containers.ScalarMap[str, str]
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ..., sources: _Optional[_Iterable[str]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[GetResponse.Value]
    def __init__(self, values: _Optional[_Iterable[_Union[GetResponse.Value, _Mapping]]] = ...) -> None: ...

class GraphRequest(_message.Message):
    __slots__ = ("prefix",)
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    def __init__(self, prefix: _Optional[str] = ...) -> None: ...

class GraphResponse(_message.Message):
    __slots__ = ("nodes", "edges")
    class Node(_message.Message):
        __slots__ = ("key", "state", "base", "descriptor", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        STATE_FIELD_NUMBER: _ClassVar[int]
        BASE_FIELD_NUMBER: _ClassVar[int]
        DESCRIPTOR_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        state: _value_status_pb2.ValueState
        base: str
        descriptor: str
        value: str
        def __init__(self, key: _Optional[str] = ..., state: _Optional[_Union[_value_status_pb2.ValueState, str]] = ..., base: _Optional[str] = ..., descriptor: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class Edge(_message.Message):
        __slots__ = ("key", "needs", "relation", "label")
        KEY_FIELD_NUMBER: _ClassVar[int]
        NEEDS_FIELD_NUMBER: _ClassVar[int]
        RELATION_FIELD_NUMBER: _ClassVar[int]
        LABEL_FIELD_NUMBER: _ClassVar[int]
        key: str
        needs: str
        relation: str
        label: str
        def __init__(self, key: _Optional[str] = ..., needs: _Optional[str] = ..., relation: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...
    NODES_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[GraphResponse.Node]
    edges: _containers.RepeatedCompositeFieldContainer[GraphResponse.Edge]
    def __init__(self, nodes: _Optional[_Iterable[_Union[GraphResponse.Node, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[GraphResponse.Edge, _Mapping]]] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("page_size", "before", "operations")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    before: int
    operations: bool
    def __init__(self, page_size: _Optional[int] = ..., before: _Optional[int] = ..., operations: bool = ...) -> None: ...

class HistoryResponse(_message.Message):
    __slots__ = ("transactions", "before")
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedCompositeFieldContainer[Recorded]
    before: int
    def __init__(self, transactions: _Optional[_Iterable[_Union[Recorded, _Mapping]]] = ..., before: _Optional[int] = ...) -> None: ...

class Recorded(_message.Message):
    __slots__ = ("number", "started", "duration_s", "kind", "description", "reverted", "errors", "steps")
    class ErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REVERTED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    number: int
    started: float
    duration_s: float
    kind: str
    description: str
    reverted: bool
    errors: _containers.ScalarMap[str, str]
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, number: _Optional[int] = ..., started: _Optional[float] = ..., duration_s: _Optional[float] = ..., kind: _Optional[str] = ..., description: _Optional[str] = ..., reverted: bool = ..., errors: _Optional[_Mapping[str, str]] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("number", "key", "kind", "old", "new", "reason", "error", "recreate", "reverts")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RECREATE_FIELD_NUMBER: _ClassVar[int]
    REVERTS_FIELD_NUMBER: _ClassVar[int]
    number: int
    key: str
    kind: Operation.Kind
    old: str
    new: str
    reason: str
    error: str
    recreate: bool
    reverts: bool
    def __init__(self, number: _Optional[int] = ..., key: _Optional[str] = ..., kind: _Optional[_Union[Operation.Kind, str]] = ..., old: _Optional[str] = ..., new: _Optional[str] = ..., reason: _Optional[str] = ..., error: _Optional[str] = ..., recreate: bool = ..., reverts: bool = ...) -> None: ...

class TransactionRequest(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class TransactionResponse(_message.Message):
    __slots__ = ("transaction",)
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    transaction: Recorded
    def __init__(self, transaction: _Optional[_Union[Recorded, _Mapping]] = ...) -> None: ...

class TimelineRequest(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class TimelineResponse(_message.Message):
    __slots__ = ("steps", "transactions")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    transactions: _containers.RepeatedCompositeFieldContainer[Recorded]
    def __init__(self, steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., transactions: _Optional[_Iterable[_Union[Recorded, _Mapping]]] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("name", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    data: bytes
    def __init__(self, name: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class InfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class InfoResponse(_message.Message):
    __slots__ = ("name", "version", "label", "started", "alive", "ready", "components", "sources", "counts")
    class Component(_message.Message):
        __slots__ = ("name", "state", "error", "needed", "changed")
        class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            STATE_UNSPECIFIED: _ClassVar[InfoResponse.Component.State]
            STATE_INIT: _ClassVar[InfoResponse.Component.State]
            STATE_OK: _ClassVar[InfoResponse.Component.State]
            STATE_ERROR: _ClassVar[InfoResponse.Component.State]
        STATE_UNSPECIFIED: InfoResponse.Component.State
        STATE_INIT: InfoResponse.Component.State
        STATE_OK: InfoResponse.Component.State
        STATE_ERROR: InfoResponse.Component.State
        NAME_FIELD_NUMBER: _ClassVar[int]
        STATE_FIELD_NUMBER: _ClassVar[int]
        ERROR_FIELD_NUMBER: _ClassVar[int]
        NEEDED_FIELD_NUMBER: _ClassVar[int]
        CHANGED_FIELD_NUMBER: _ClassVar[int]
        name: str
        state: InfoResponse.Component.State
        error: str
        needed: bool
        changed: float
        def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[InfoResponse.Component.State, str]] = ..., error: _Optional[str] = ..., needed: bool = ..., changed: _Optional[float] = ...) -> None: ...
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    label: str
    started: float
    alive: bool
    ready: bool
    components: _containers.RepeatedCompositeFieldContainer[InfoResponse.Component]
    sources: _containers.RepeatedScalarFieldContainer[str]
    counts: _containers.ScalarMap[str, int]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., label: _Optional[str] = ..., started: _Optional[float] = ..., alive: bool = ..., ready: bool = ..., components: _Optional[_Iterable[_Union[InfoResponse.Component, _Mapping]]] = ..., sources: _Optional[_Iterable[str]] = ..., counts: _Optional[_Mapping[str, int]] = ...) -> None: ...
