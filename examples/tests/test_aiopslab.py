"""aiopslab.py against a stand-in for AIOpsLab (standin/), which has its calls and no cluster."""

import json
import os
import stat
import tempfile
import time
import unittest
from pathlib import Path

from harness import Journal, Program, python

STANDIN = Path(__file__).resolve().parent / "standin"


class AiopslabTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.at = Path(directory.name)
        self.journal = Journal(self.at / "journal")
        self.addCleanup(self.journal.close)
        self.kubeconfig = self.at / "w1.kubeconfig"
        self.kubeconfig.write_text("clusters: []")

    def run_problem(self, problem="normal", *, words=(), environment=None, **members):
        task = {"task_id": "t1", "kind": "problem", "problem_id": f"{problem}-detection-1"}
        task |= {"agent_config": {"agent": "gpt"}, "max_steps": 5, "timeout_seconds": 600, **members}
        configured = str(self.at / "{worker}.kubeconfig")
        program = python("aiopslab.py", "--root", str(STANDIN), "--kubeconfig", configured, *words)
        environment = {"STANDIN_JOURNAL": self.journal.path, **(environment or {})}
        running = Program(program, task, **environment)
        self.addCleanup(running.__exit__)
        return running

    def error_of(self, *given, **members):
        answer = self.run_problem(*given, **members).end()
        self.assertIn("error", answer)
        return answer["error"]

    def stop_at(self, event, problem, *, words=(), **members):
        """The answer of a task that is told to stop at an event."""
        running = self.run_problem(problem, words=words, **members)
        self.journal.until(event)
        begun = time.monotonic()
        running.stop()
        answer = running.end()
        self.assertLess(time.monotonic() - begun, 20, "a stop takes seconds")
        steps = [line for line in running.lines if line.get("log", {}).get("context")]
        self.assertEqual(steps, [], "a step was finished after the stop")
        return answer


class Results(AiopslabTest):
    def test_a_problem_is_solved_step_by_step(self):
        running = self.run_problem()
        result = running.end()["result"]
        self.assertEqual(result["metrics"]["success"], True)
        self.assertEqual(result["logs"], ["step 1: look at", "step 2: look at logs", "step 3: submit Yes"])
        output = result["output"]
        self.assertEqual((output["ended"], output["steps"], output["solution"]), ("submitted", 3, "submit Yes"))
        self.assertEqual((output["agent"], output["problem_id"]), ("gpt", "normal-detection-1"))
        first, _, last = output["trajectory"]
        self.assertEqual((first["step"], first["action"]), (1, "look at\npods"))
        self.assertRegex(first["observation"], r"^ran look at\npods in .*/work with .*/work/kubeconfig-0$")
        self.assertEqual(last["observation"], "VALID_SUBMISSION")
        self.assertEqual(
            self.journal.all(), ["delete", "deploy", "inject", "workload", "recover", "cleanup"]
        )

    def test_each_step_is_progress_and_a_line_of_the_log(self):
        running = self.run_problem()
        running.end()
        progress = [line["progress"] for line in running.lines if "progress" in line]
        self.assertEqual([each["step"] for each in progress], [0, 1, 2, 3])
        self.assertEqual({each["max_steps"] for each in progress}, {5})
        steps = [line["log"] for line in running.lines if line.get("log", {}).get("context")]
        self.assertEqual([each["context"]["step"] for each in steps], [1, 2, 3])
        self.assertEqual(steps[1]["context"]["action"], "look at logs")
        self.assertIn("ran look at logs", steps[1]["context"]["observation"])

    def test_what_libraries_print_does_not_reach_the_protocol(self):
        running = self.run_problem("noisy")
        self.assertEqual(running.end()["result"]["metrics"]["success"], True)
        for noise in ("not this one", "nor this one", "not JSON"):
            self.assertIn(noise, running.noise())

    def test_an_agent_that_never_submits_ends_at_max_steps(self):
        answer = self.run_problem(agent_config={"agent": "openrouter", "model": "endless"}, max_steps=4).end()
        output = answer["result"]["output"]
        self.assertEqual((output["ended"], output["steps"], output["solution"]), ("max_steps", 4, None))
        self.assertEqual(answer["result"]["metrics"]["success"], False)
        self.assertEqual(self.journal.all()[-2:], ["recover", "cleanup"])

    def test_a_result_stays_within_the_workers_limit_however_much_was_seen(self):
        config = {"agent": "openrouter", "model": "endless"}
        running = self.run_problem("large", agent_config=config, max_steps=400)
        result = running.end()["result"]
        self.assertLess(len(json.dumps(result, ensure_ascii=False).encode()), 8 << 20)
        self.assertEqual(len(result["output"]["trajectory"]), 400)
        lines = [line for line in running.lines if "result" not in line]
        self.assertLess(max(len(json.dumps(line)) for line in lines), 1 << 20)
        self.assertNotIn("\0", json.dumps(result, ensure_ascii=False))
        self.assertIn("characters more", result["output"]["trajectory"][0]["observation"])

    def test_a_cleanup_that_fails_does_not_cost_the_result(self):
        running = self.run_problem("unclean")
        self.assertEqual(running.end()["result"]["metrics"]["success"], True)
        warnings = [line["log"] for line in running.lines if line.get("log", {}).get("level") == "warning"]
        self.assertIn("namespace is stuck", warnings[0]["message"])

    def test_the_kubeconfig_is_copied_for_this_user_alone(self):
        running = self.run_problem("slow_setup")
        self.journal.until("deploy")
        copy = Path(running.directory.name) / "work" / "kubeconfig-0"
        self.assertEqual(copy.read_text(), "clusters: []")
        self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o600)
        copy.write_text("current-context: mine")
        self.assertEqual(self.kubeconfig.read_text(), "clusters: []")


class Failures(AiopslabTest):
    def test_an_agent_that_raises_is_named_and_the_fault_recovered(self):
        error = self.error_of(agent_config={"agent": "openrouter", "model": "broken"})
        self.assertEqual((error["code"], error["retry"]), ("agent_error", False))
        self.assertEqual(error["message"], "the agent failed in step 1: KeyError: 'no such tool'")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_an_agent_whose_model_is_busy_may_try_again(self):
        error = self.error_of(agent_config={"agent": "openrouter", "model": "limited"})
        self.assertEqual((error["code"], error["retry"]), ("agent_error", True))

    def test_an_invalid_submission_is_the_agents_failure(self):
        error = self.error_of(agent_config={"agent": "openrouter", "model": "wrong"})
        self.assertEqual((error["code"], error["retry"]), ("invalid_submission", False))
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_an_unknown_problem_is_refused_with_those_near_to_it(self):
        error = self.error_of("normall")
        self.assertEqual((error["code"], error["retry"]), ("unknown_problem", False))
        self.assertIn("near to it: normal-detection-1", error["message"])
        self.assertEqual(self.journal.all(), [])

    def test_a_setup_that_fails_behind_the_injection_recovers_the_fault_once(self):
        error = self.error_of("failed_workload")
        self.assertEqual((error["code"], error["retry"]), ("environment_error", True))
        self.assertIn("no wrk2 image", error["message"])
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_what_an_agent_config_may_not_ask_for_is_refused_before_the_setup(self):
        refused = {
            "unknown agent 'clippy'": {"agent": "clippy"},
            "agent is no text": {"agent": 7},
            "module os is not among": {"agent": "os:system"},
            "module clientsx is not among": {"agent": "clientsx:Agent"},
            "is no module's name": {"agent": "clients..gpt:Agent"},
            "is no agent": {"agent": "clients.openrouter:RateLimitError"},
            "there is no module clients.gone": {"agent": "clients.gone:Agent"},
            "base_url cannot be set by a task": {"agent": "openrouter", "base_url": "http://evil"},
            "model is neither a text nor a number": {"agent": "openrouter", "model": ["a"]},
            "it takes no options": {"agent": "gpt", "model": "gpt-4o"},
            "agent_config is no JSON object": ["gpt"],
        }
        for words, config in refused.items():
            with self.subTest(words):
                error = self.error_of(agent_config=config)
                self.assertEqual((error["code"], error["retry"]), ("invalid_agent_config", False))
                self.assertIn(words, error["message"])
        self.assertEqual(self.journal.all(), [])

    def test_an_agent_of_an_allowed_module_is_found_by_its_class(self):
        answer = self.run_problem(agent_config={"agent": "clients.gpt:Agent"}).end()
        self.assertEqual(answer["result"]["output"]["agent"], "clients.gpt:Agent")

    def test_an_agent_without_its_key_leaves_the_task_to_another_worker(self):
        error = self.error_of(agent_config={"agent": "openrouter", "model": "keyless"})
        self.assertEqual((error["code"], error["retry"]), ("agent_error", True))
        self.assertIn("API key must be provided", error["message"])

    def test_a_missing_kubeconfig_and_a_missing_package_say_what_to_do(self):
        self.kubeconfig.unlink()
        error = self.error_of()
        self.assertEqual((error["code"], error["retry"]), ("environment_error", True))
        self.assertIn("give --kubeconfig", error["message"])
        self.kubeconfig.touch()
        error = self.error_of(words=["--root", str(self.at)])
        self.assertEqual((error["code"], error["retry"]), ("missing_package", True))
        self.assertIn("give --root", error["message"])


class Stops(AiopslabTest):
    def assert_stopped(self, answer, words):
        self.assertEqual(answer["error"]["code"], "stopped")
        self.assertTrue(answer["error"]["retry"])
        self.assertIn(words, answer["error"]["message"])

    def test_sigterm_while_the_agent_thinks_recovers_the_fault(self):
        config = {"agent": "openrouter", "model": "slow"}
        self.assert_stopped(self.stop_at("thinking", "normal", agent_config=config), "SIGTERM in step 1")
        self.assertEqual(self.journal.all()[-1], "recover")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_sigterm_while_an_action_runs_is_not_taken_for_an_observation(self):
        self.assert_stopped(self.stop_at("acting", "slow_action"), "SIGTERM in step 1")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_an_agent_that_swallows_the_stop_is_stopped_after_it(self):
        config = {"agent": "openrouter", "model": "stubborn"}
        self.assert_stopped(self.stop_at("thinking", "normal", agent_config=config), "SIGTERM in step 1")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_an_agent_that_tries_again_after_each_exception_is_stopped(self):
        config = {"agent": "openrouter", "model": "retrying"}
        self.assert_stopped(self.stop_at("thinking", "normal", agent_config=config), "SIGTERM in step 1")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_sigterm_during_the_setup_has_no_fault_to_recover(self):
        self.assert_stopped(self.stop_at("deploy", "slow_setup"), "before the first step")
        self.assertEqual(self.journal.all(), ["delete", "deploy"])

    def test_sigterm_during_the_last_recovery_has_it_done_again_and_keeps_the_result(self):
        gate = self.at / "gate"
        os.mkfifo(gate)
        with open(gate, "r+b", buffering=0) as open_gate:
            running = self.run_problem("slow_recovery", environment={"STANDIN_GATE": str(gate)})
            self.journal.until("recover begins")
            running.stop()
            open_gate.write(b"go on\ngo on\n")
            self.assertEqual(running.end()["result"]["metrics"]["success"], True)
        events = self.journal.all()
        self.assertEqual(events.count("recover begins"), 2)
        self.assertEqual([each for each in events if each in ("recover", "cut off")][-1], "recover")

    def test_a_recovery_that_hangs_is_given_up_after_the_grace_and_said(self):
        config = {"agent": "openrouter", "model": "slow"}
        answer = self.stop_at("thinking", "no_recovery", agent_config=config, words=["--grace", "1"])
        self.assert_stopped(answer, "the fault may still be injected")
        self.assertEqual(self.journal.all()[-1], "recover begins")

    def test_the_timeout_ends_the_task_before_the_worker_does(self):
        config = {"agent": "openrouter", "model": "late"}
        error = self.error_of(agent_config=config, timeout_seconds=1000, words=["--grace", "100"])
        self.assertEqual((error["code"], error["retry"]), ("timeout", False))
        self.assertEqual(error["message"], "ended in step 1, before its timeout of 1000 s")
        *_, left, last = self.journal.all()
        self.assertEqual(last, "recover")
        self.assertGreater(int(left.split()[0]), 700)
        self.assertLessEqual(int(left.split()[0]), 800)


if __name__ == "__main__":
    unittest.main()
