"""What a program's file is made of.

    flatbuffer, with a header in its first bytes | padding | segments: constants, delegates' blobs

The flatbuffer's tables are those of ExecuTorch's program.fbs.
"""

import struct
from typing import Any, BinaryIO

from pocketlm.export.flatbuffer import FlatReader
from pocketlm.model.errors import UserError

# Names of what a field means are ExecuTorch's. `program.fbs` of ExecuTorch 1.5.
_TABLES: dict[str, list[tuple[str, Any]]] = {
    "Program": [
        ("version", "I"),
        ("execution_plan", ["ExecutionPlan"]),
        ("constant_buffer", ["Buffer"]),
        ("backend_delegate_data", ["BackendDelegateInlineData"]),
        ("segments", ["DataSegment"]),
        ("constant_segment", "SubsegmentOffsets"),
        ("mutable_data_segments?", ["SubsegmentOffsets"]),
        ("named_data?", ["NamedData"]),
    ],
    "ExecutionPlan": [
        ("name", "text"),
        ("container_meta_type?", "ContainerMetadata"),
        ("values", ["EValue"]),
        ("inputs", ["i"]),
        ("outputs", ["i"]),
        ("chains", ["Chain"]),
        ("operators", ["Operator"]),
        ("delegates", ["BackendDelegate"]),
        ("non_const_buffer_sizes", ["q"]),
        ("non_const_buffer_device?", ["NonConstBufferDevice"]),
    ],
    "ContainerMetadata": [("encoded_inp_str?", "text"), ("encoded_out_str?", "text")],
    "EValue": [("val", "<KernelTypes")],
    "Chain": [
        ("inputs", ["i"]),
        ("outputs", ["i"]),
        ("instructions", ["Instruction"]),
        ("stacktrace?", ["FrameList"]),
    ],
    "Instruction": [("instr_args", "<InstructionArguments")],
    "KernelCall": [("op_index", "i"), ("args", ["i"])],
    "DelegateCall": [("delegate_index", "i"), ("args", ["i"])],
    "Operator": [("name", "text"), ("overload", "text")],
    "BackendDelegate": [
        ("id", "text"),
        ("processed", "BackendDelegateDataReference"),
        ("compile_specs", ["CompileSpec"]),
    ],
    "BackendDelegateDataReference": [("location", "b"), ("index", "I")],
    "DataSegment": [("offset", "Q"), ("size", "Q")],
    "SubsegmentOffsets": [("segment_index", "I"), ("offsets", ["Q"])],
    "NamedData": [("key", "text"), ("segment_index", "I")],
    "Null": [],
    "Int": [("int_val", "q")],
    "Bool": [("bool_val", "?")],
    "Tensor": [
        ("scalar_type", "b"),
        ("storage_offset", "i"),
        ("sizes", ["i"]),
        ("dim_order", ["B"]),
        ("requires_grad", "?"),
        ("data_buffer_idx", "I"),
        ("allocation_info?", "AllocationDetails"),
        ("layout", "b"),
        ("shape_dynamism", "b"),
        ("extra_tensor_info?", "ExtraTensorInfo"),
    ],
    "AllocationDetails": [
        ("memory_id", "I"),
        ("memory_offset_low", "I"),
        ("memory_offset_high", "I"),
    ],
    "IntList": [("items", ["q"])],
    "TensorList": [("items", ["i"])],
}
# "" and tables without fields above: known to ExecuTorch, written by none of our exports.
_UNIONS = {
    "KernelTypes": ("Null", "Int", "Bool", "", "Tensor", "", "IntList", "", "", "TensorList", ""),
    "InstructionArguments": ("KernelCall", "DelegateCall", "", "", ""),
}
_IDENTIFIER = b"ET12"
_HEADER = struct.Struct("<4x4s4sIQQQ")  # at the file's begin
_MAGIC, _HEADER_BYTES = b"eh00", 32
_SEGMENT_ALIGNMENT = 128
_LARGEST_FLATBUFFER = 1 << 20  # en-base has 6.7 KB


def read_program(file: BinaryIO) -> dict[str, Any]:
    """The program's flatbuffer, where `segments` count from the file's begin and fill its rest.

    Raises:
        UserError: it has not the form of a program that our recipes write.
    """
    file.seek(0)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        raise UserError("it is cut")
    identifier, magic, header_bytes, size, base, segment_bytes = _HEADER.unpack(head)
    if (identifier, magic, header_bytes) != (_IDENTIFIER, _MAGIC, _HEADER_BYTES):
        raise UserError("it is no program of ExecuTorch")
    end = file.seek(0, 2)
    if not _HEADER.size <= size <= min(base, _LARGEST_FLATBUFFER) or base + segment_bytes != end:
        raise UserError("its parts are not as long as its header says")
    file.seek(0)
    program = FlatReader(file.read(size), _TABLES, _UNIONS).root("Program")
    begin = 0
    for segment in program["segments"]:
        if segment["offset"] != -(-begin // _SEGMENT_ALIGNMENT) * _SEGMENT_ALIGNMENT:
            raise UserError("a segment does not follow the one before it")
        begin = segment["offset"] + segment["size"]
        segment["offset"] += base
    if begin != segment_bytes:
        raise UserError("its segments do not end where it ends")
    return program
