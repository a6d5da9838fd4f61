"""The prototypes of the Python package are those of the header. Run by tests/bindings/examples/python.rs."""

import ctypes
import pathlib
import re
import unittest

from handsfree_secrets import _library

HEADER = pathlib.Path(__file__).parents[2] / "include/handsfree_secrets.h"

# Functions that the package has no use for.
UNUSED = {
    "hf_version", "hf_version_number", "hf_set_log_callback", "hf_options_new_isolated",
    "hf_options_set_log_callback", "hf_manager_ref", "hf_call_cancel",
    "hf_get_secret_into", "hf_canonical_reference", "hf_get_secrets", "hf_store_secrets", "hf_results_text",
    "hf_transit_ref", "hf_lease_ref", "hf_credentials_ref", "hf_queue_pending",
}

NUMBERS = {"void": None, "int": ctypes.c_int, "hf_status": ctypes.c_int32, "int32_t": ctypes.c_int32,
           "int64_t": ctypes.c_int64, "uintptr_t": ctypes.c_size_t, "uint64_t": ctypes.c_uint64, "size_t": ctypes.c_size_t}


def ctype(declared):
    """The type in ctypes of a type in C."""
    plain = declared.replace("const", "").replace(" ", "")
    if plain in NUMBERS:
        return NUMBERS[plain]
    if plain[:-1] in NUMBERS and plain != "void*":
        return ctypes.POINTER(NUMBERS[plain[:-1]])
    if plain.endswith("**"):
        # An array of texts or of data, an array of objects, or an out-parameter.
        is_content = "const" in declared and not plain.startswith("hf_")
        return ctypes.POINTER(ctypes.c_char_p if is_content else ctypes.c_void_p)
    # A string without const has to be freed.
    return ctypes.c_char_p if plain == "char*" and "const" in declared else ctypes.c_void_p


def declared():
    """Result and parameters of each function in the header."""
    header = re.sub(r"/\*.*?\*/|^#.*?$", "", HEADER.read_text(), flags=re.DOTALL | re.MULTILINE)
    functions = re.findall(r"HF_API\s+(?:HF_MUST_USE\s+)?([\w\s]+?[\s*]+)(hf_\w+)\(([^)]*)\)\s*HF_NOEXCEPT;", header)
    for result, name, parameters in functions:
        each = [] if parameters == "void" else [re.sub(r"\w+$", "", text.strip()) for text in parameters.split(",")]
        # ctypes would end such a text at its first NUL.
        has_length = "size_t *out_length" in parameters and "char" in result
        yield name, (ctypes.c_void_p if has_length else ctype(result), [ctype(text) for text in each])


class Prototypes(unittest.TestCase):
    maxDiff = None

    def test_prototypes_are_those_of_the_header(self):
        header = dict(declared())
        self.assertEqual(len(header), HEADER.read_text().count("HF_NOEXCEPT;"))
        wanted = {name: prototype for name, prototype in header.items() if name not in UNUSED}
        self.assertEqual(_library._SIGNATURES, wanted)


if __name__ == "__main__":
    unittest.main()
