def get_standard_gate_name_mapping():
    return {"h": None, "cx": None}
