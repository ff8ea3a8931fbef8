from .qasm3 import loads as _loads

LEGACY_CUSTOM_INSTRUCTIONS = ()


def loads(source, include_path, custom_instructions):
    return _loads(source)
