"""aer.py: its protocol against a stand-in for Qiskit (standin_qiskit/), its counts against the real one.

The stand-in is used where the Python of the tests has no Qiskit; the real packages can be tried with
`/path/to/venv/bin/python -m unittest discover -s examples/tests`.
"""

import importlib.util
import unittest
from pathlib import Path

from harness import Program, python

BELL = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nh q[0];\ncx q[0], q[1];\nc = measure q;\n'
STANDIN = str(Path(__file__).resolve().parent / "standin_qiskit")
PACKAGES = ("qiskit", "qiskit_aer", "qiskit_qasm3_import")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]


def task(circuit, shots=100, **parameters):
    return {"task_id": "t1", "kind": "circuit", "circuit": circuit, "shots": shots, "parameters": parameters}


class AerTest(unittest.TestCase):
    environment = {}

    def answer(self, given):
        with Program(python("aer.py"), given, **self.environment) as running:
            return running.end()

    def error_of(self, circuit):
        answer = self.answer(task(circuit))
        self.assertIn("error", answer)
        return answer["error"]


class Protocol(AerTest):
    environment = {"PYTHONPATH": STANDIN}

    def test_counts_are_padded_and_the_execution_says_how_it_was_run(self):
        answer = self.answer(task("measured 3", seed=7, memory=True))
        self.assertEqual(answer["result"], {"001": 60, "110": 40})
        execution = answer["execution"]
        self.assertEqual((execution["seed"], execution["qubits"], execution["method"]), (7, 3, "standin"))
        self.assertEqual(execution["registers"], [{"name": "c", "size": 3}])
        self.assertEqual(execution["simulator"], "aer 0.0.standin")
        samples = ["0x1"] * 60 + ["0x6"] * 40
        self.assertEqual(execution["memory"], {"c": {"num_bits": 3, "samples": samples}})

    def test_a_circuit_that_measures_nothing_is_measured_at_its_end(self):
        self.assertEqual(self.answer(task("unmeasured 3"))["execution"]["registers"], [{"name": "meas", "size": 3}])

    def test_a_bit_without_a_register_is_one_of_its_own(self):
        answer = self.answer(task("loose 3"))
        self.assertEqual(answer["result"], {"00 1": 60, "11 0": 40})
        self.assertEqual(answer["execution"]["registers"], [{"name": "bit0", "size": 1}, {"name": "c", "size": 2}])

    def test_a_mistake_in_the_circuit_is_permanent(self):
        error = self.error_of("mistaken 3")
        self.assertEqual(error, {"code": "invalid_circuit", "message": "1,0: no such gate", "retry": False})

    def test_a_circuit_too_large_is_a_resource_limit(self):
        error = self.error_of("huge 3")
        self.assertEqual((error["code"], error["retry"]), ("resource_limit", False))
        self.assertIn("Insufficient memory", error["message"])

    def test_what_the_libraries_print_goes_to_stderr(self):
        with Program(python("aer.py"), task("measured 3"), **self.environment) as running:
            running.end()
            self.assertEqual(len(running.lines), 1)
            self.assertIn("noise of the simulator", running.noise())

    def test_no_file_of_the_worker_is_read(self):
        for text in ('include "/etc/passwd";', "include '../x.inc';", 'include/**/"a.inc";', 'include\n"b";'):
            with self.subTest(text):
                error = self.error_of(f"OPENQASM 2.0;\n{text}\n")
                self.assertEqual(error["code"], "invalid_circuit")
                self.assertIn("only the standard gates", error["message"])

    def test_parameters_that_the_importer_would_mix_up_are_refused(self):
        error = self.error_of("OPENQASM 3;\ngate g(theta, alpha) q { }\n")
        self.assertEqual(error["code"], "invalid_circuit")
        self.assertIn("gate g: declare its parameters in alphabetical order", error["message"])

    def test_a_problem_and_an_empty_task_are_refused(self):
        self.assertEqual(self.answer({"kind": "problem"})["error"]["code"], "unsupported_task")
        self.assertEqual(self.answer({"kind": "circuit"})["error"]["code"], "invalid_task")


class Missing(AerTest):
    @unittest.skipUnless(MISSING, "Qiskit is installed for this Python")
    def test_a_missing_package_says_what_to_install(self):
        error = self.error_of(BELL)
        self.assertEqual((error["code"], error["retry"]), ("missing_package", True))
        self.assertIn("pip install qiskit qiskit-aer qiskit-qasm3-import", error["message"])


@unittest.skipIf(MISSING, f"not installed for this Python: {', '.join(MISSING)}")
class RealAer(AerTest):
    def test_a_bell_pair_in_both_versions(self):
        declared = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n'
        version_2 = declared + "h q[0];\ncx q[0],q[1];\nmeasure q -> c;\n"
        for circuit in (BELL, version_2):
            with self.subTest(circuit[:12]):
                counts = self.answer(task(circuit, shots=4000, seed=7))["result"]
                self.assertEqual(set(counts), {"00", "11"})
                self.assertEqual(sum(counts.values()), 4000)
                self.assertLess(abs(counts["00"] - 2000), 300)

    def test_the_same_seed_gives_the_same_outcomes(self):
        first, second = (self.answer(task(BELL, shots=50, seed=3, memory=True)) for _ in range(2))
        self.assertEqual(first, second)
        (register,) = first["execution"]["memory"].values()
        self.assertEqual(len(register["samples"]), 50)

    def test_registers_stand_last_declared_first(self):
        declared = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\nbit o;\nbit[2] a;\n'
        measured = "a[0] = measure q[0];\na[1] = measure q[1];\no = measure q[2];\n"
        circuit = f"{declared}x q[0];\nx q[2];\n{measured}"
        self.assertEqual(self.answer(task(circuit))["result"], {"01 1": 100})

    def test_mistakes_are_found_at_their_place(self):
        self.assertIn("3,0", self.error_of("OPENQASM 2.0;\nqreg q[1];\nfoo q[0];\n")["message"])
        error = self.error_of("OPENQASM 3.0;\nqubit q;\nfoo q;\n")
        self.assertEqual(error["code"], "invalid_circuit")
        self.assertIn("3,0", error["message"])

    def test_a_wide_circuit_of_clifford_gates_runs(self):
        chain = "".join(f"cx q[{n}],q[{n + 1}];" for n in range(59))
        circuit = f'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[60] q;\nbit[60] c;\nh q[0];{chain}\nc = measure q;\n'
        self.assertEqual(set(self.answer(task(circuit))["result"]), {"0" * 60, "1" * 60})


if __name__ == "__main__":
    unittest.main()
