from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Message(_message.Message):
    __slots__ = ("urls", "job", "depth", "scope", "priority", "max_documents", "seal", "task_id", "meta", "due")
    URLS_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    MAX_DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    SEAL_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    DUE_FIELD_NUMBER: _ClassVar[int]
    urls: _containers.RepeatedScalarFieldContainer[str]
    job: str
    depth: int
    scope: str
    priority: int
    max_documents: int
    seal: bool
    task_id: str
    meta: _struct_pb2.Struct
    due: bool
    def __init__(self, urls: _Optional[_Iterable[str]] = ..., job: _Optional[str] = ..., depth: _Optional[int] = ..., scope: _Optional[str] = ..., priority: _Optional[int] = ..., max_documents: _Optional[int] = ..., seal: _Optional[bool] = ..., task_id: _Optional[str] = ..., meta: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., due: _Optional[bool] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("job", "run", "result_id", "added")
    JOB_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    RESULT_ID_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    job: str
    run: int
    result_id: str
    added: int
    def __init__(self, job: _Optional[str] = ..., run: _Optional[int] = ..., result_id: _Optional[str] = ..., added: _Optional[int] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("number", "receipt", "error")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    number: int
    receipt: Receipt
    error: str
    def __init__(self, number: _Optional[int] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ..., error: _Optional[str] = ...) -> None: ...

class Question(_message.Message):
    __slots__ = ("job", "result_id", "documents")
    JOB_FIELD_NUMBER: _ClassVar[int]
    RESULT_ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    job: str
    result_id: str
    documents: bool
    def __init__(self, job: _Optional[str] = ..., result_id: _Optional[str] = ..., documents: _Optional[bool] = ...) -> None: ...

class JobStatus(_message.Message):
    __slots__ = ("job", "run", "state", "sealed", "queued", "delayed", "leased", "done", "dead", "documents", "bytes", "classes")
    class ClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    JOB_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    DELAYED_FIELD_NUMBER: _ClassVar[int]
    LEASED_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    job: str
    run: int
    state: str
    sealed: bool
    queued: int
    delayed: int
    leased: int
    done: int
    dead: int
    documents: int
    bytes: int
    classes: _containers.ScalarMap[str, int]
    def __init__(self, job: _Optional[str] = ..., run: _Optional[int] = ..., state: _Optional[str] = ..., sealed: _Optional[bool] = ..., queued: _Optional[int] = ..., delayed: _Optional[int] = ..., leased: _Optional[int] = ..., done: _Optional[int] = ..., dead: _Optional[int] = ..., documents: _Optional[int] = ..., bytes: _Optional[int] = ..., classes: _Optional[_Mapping[str, int]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("status", "result", "document")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    status: JobStatus
    result: Result
    document: Found
    def __init__(self, status: _Optional[_Union[JobStatus, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., document: _Optional[_Union[Found, _Mapping]] = ...) -> None: ...

class Found(_message.Message):
    __slots__ = ("id", "document")
    ID_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    id: str
    document: Document
    def __init__(self, id: _Optional[str] = ..., document: _Optional[_Union[Document, _Mapping]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("id", "job", "run", "state", "documents", "failures", "counts", "classes", "task_id", "meta", "urls", "truncated")
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class ClassesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    URLS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    id: str
    job: str
    run: int
    state: str
    documents: _containers.RepeatedCompositeFieldContainer[Document]
    failures: _containers.RepeatedCompositeFieldContainer[Failure]
    counts: _containers.ScalarMap[str, int]
    classes: _containers.ScalarMap[str, int]
    task_id: str
    meta: _struct_pb2.Struct
    urls: _containers.RepeatedScalarFieldContainer[str]
    truncated: bool
    def __init__(self, id: _Optional[str] = ..., job: _Optional[str] = ..., run: _Optional[int] = ..., state: _Optional[str] = ..., documents: _Optional[_Iterable[_Union[Document, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[Failure, _Mapping]]] = ..., counts: _Optional[_Mapping[str, int]] = ..., classes: _Optional[_Mapping[str, int]] = ..., task_id: _Optional[str] = ..., meta: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., urls: _Optional[_Iterable[str]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class Document(_message.Message):
    __slots__ = ("url", "outcome", "sha256", "size", "stored", "title", "found_on")
    URL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    FOUND_ON_FIELD_NUMBER: _ClassVar[int]
    url: str
    outcome: str
    sha256: str
    size: int
    stored: str
    title: str
    found_on: str
    def __init__(self, url: _Optional[str] = ..., outcome: _Optional[str] = ..., sha256: _Optional[str] = ..., size: _Optional[int] = ..., stored: _Optional[str] = ..., title: _Optional[str] = ..., found_on: _Optional[str] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("url", "outcome", "status", "reason", "found_on")
    URL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FOUND_ON_FIELD_NUMBER: _ClassVar[int]
    url: str
    outcome: str
    status: int
    reason: str
    found_on: str
    def __init__(self, url: _Optional[str] = ..., outcome: _Optional[str] = ..., status: _Optional[int] = ..., reason: _Optional[str] = ..., found_on: _Optional[str] = ...) -> None: ...
