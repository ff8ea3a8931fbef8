//! The checked program, and its values.

pub(crate) mod arithmetic;
pub(crate) mod complex;
pub(crate) mod functions;
pub(crate) mod gates;
pub(crate) mod heap_size;
pub(crate) mod integer;
pub(crate) mod operator;
pub(crate) mod pauli;
pub(crate) mod program;
pub(crate) mod value;
