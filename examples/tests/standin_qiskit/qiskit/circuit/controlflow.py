CONTROL_FLOW_OP_NAMES = frozenset({"if_else"})
