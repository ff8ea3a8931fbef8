"""aiopslab.py against a stand-in for AIOpsLab (standin/), which has its calls and no cluster."""

import http.server
import json
import os
import re
import stat
import tempfile
import threading
import time
import unittest
from contextlib import contextmanager
from pathlib import Path

from harness import EXAMPLES, WITHOUT_NAMESPACES, Journal, Program, namespaces_work, python

STANDIN = Path(__file__).resolve().parent / "standin"


@contextmanager
def neighbours_server(port):
    """Something else listens at the port, as the forwarded port of another task does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the neighbour")

    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError:
        # Then something else does already.
        yield
        return
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class AiopslabTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.at = Path(directory.name)
        self.journal = Journal(self.at / "journal")
        self.addCleanup(self.journal.close)
        self.kubeconfig = self.at / "w1.kubeconfig"
        self.kubeconfig.write_text("clusters: []")
        (self.at / "releases").mkdir()
        self.tokenizer = self.at / "tokenizer"
        self.tokenizer.mkdir()
        (self.tokenizer / "cl100k_base").touch()

    def run_problem(self, problem="normal", kind="detection", *, words=(), environment=None, prefix=(), reads=True, **members):
        task = {"task_id": "t1", "kind": "problem", "problem_id": f"{problem}-{kind}-1"}
        task |= {"agent_config": {"agent": "gpt"}, "max_steps": 5, "timeout_seconds": 600, **members}
        configured = str(self.at / "{worker}.kubeconfig")
        settings = ["--root", str(STANDIN), "--kubeconfig", configured, "--lock", str(self.at / "lock")]
        program = python("aiopslab.py", *settings, *words)
        given = {"STANDIN_JOURNAL": self.journal.path, "STANDIN_RELEASES": str(self.at / "releases")}
        given["TIKTOKEN_CACHE_DIR"] = str(self.tokenizer)
        running = Program([*prefix, *program], task, reads=reads, **{**given, **(environment or {})})
        self.addCleanup(running.__exit__)
        return running

    def error_of(self, *given, **members):
        answer = self.run_problem(*given, **members).end()
        self.assertIn("error", answer)
        return answer["error"]

    def assert_of_environment(self, error, words):
        self.assertEqual((error["code"], error["retry"], error["blame"]), ("environment_error", True, "worker"))
        self.assertIn(words, error["message"])

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
        calls = ['exec_shell("look at pods")', 'exec_shell("look at logs with gpt-4o")', 'submit("Yes")']
        self.assertEqual(result["logs"], [f"step {number}: {call}" for number, call in enumerate(calls, 1)])
        output = result["output"]
        self.assertEqual((output["ended"], output["steps"], output["solution"]), ("submitted", 3, "Yes"))
        self.assertEqual((output["agent"], output["problem_id"]), ("gpt", "normal-detection-1"))
        first, _, last = output["trajectory"]
        self.assertEqual((first["step"], first["action"][:13]), (1, "I look first."))
        self.assertRegex(first["observation"], r"^ran look at pods in .*/work with .*/work/.kube/config$")
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
        self.assertEqual(steps[0]["message"], 'step 1: exec_shell("look at pods")')
        self.assertIn("ran look at logs", steps[1]["context"]["observation"])

    def test_what_libraries_print_does_not_reach_the_protocol(self):
        running = self.run_problem("noisy")
        self.assertEqual(running.end()["result"]["metrics"]["success"], True)
        for noise in ("not this one", "nor this one", "not JSON"):
            self.assertIn(noise, running.noise())

    def test_what_libraries_print_leaves_room_for_the_steps_in_the_log(self):
        running = self.run_problem("chatty")
        self.assertEqual(running.end()["result"]["metrics"]["success"], True)
        noise = running.noise().splitlines()
        self.assertLess(len(noise), 2500)
        self.assertEqual(noise[0], "line 0 of look at pods")
        self.assertEqual(noise[2000], "... 45900 more lines that were printed are left out")
        self.assertEqual(noise[-1], "line 11999 of look at logs with gpt-4o")
        steps = [line["log"]["context"]["step"] for line in running.lines if line.get("log", {}).get("context")]
        self.assertEqual(steps, [1, 2, 3])

    def test_the_model_of_the_default_agent_can_be_chosen(self):
        answer = self.run_problem(agent_config={"model": "gpt-5", "temperature": 0.5}).end()
        output = answer["result"]["output"]
        self.assertIn("look at logs with gpt-5", output["trajectory"][1]["action"])
        self.assertEqual((output["agent"], output["agent_options"]), ("gpt", {"model": "gpt-5"}))
        self.assertEqual(output["ignored_options"], ["temperature"])

    def test_the_problem_of_the_readme_runs(self):
        readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
        example = json.loads(re.search(r"-d '(\{\"problem_id\".*\})'", readme)[1])
        members = {key: example[key] for key in ("agent_config", "max_steps")}
        self.assertEqual(self.run_problem(**members).end()["result"]["metrics"]["success"], True)

    def test_an_agent_that_never_submits_ends_at_max_steps(self):
        answer = self.run_problem(agent_config={"agent": "vllm", "model": "endless"}, max_steps=4).end()
        output = answer["result"]["output"]
        self.assertEqual((output["ended"], output["steps"], output["solution"]), ("max_steps", 4, None))
        self.assertEqual(answer["result"]["metrics"]["success"], False)
        self.assertEqual(self.journal.all()[-2:], ["recover", "cleanup"])

    def test_a_result_stays_within_the_workers_limit_however_much_was_seen(self):
        config = {"agent": "vllm", "model": "endless"}
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
        copy = Path(running.directory.name) / "work" / ".kube" / "config"
        self.assertEqual(copy.read_text(), "clusters: []")
        self.assertEqual(stat.S_IMODE(copy.stat().st_mode), 0o600)
        copy.write_text("current-context: mine")
        self.assertEqual(self.kubeconfig.read_text(), "clusters: []")


class Failures(AiopslabTest):
    def test_an_agent_that_raises_is_named_and_the_fault_recovered(self):
        error = self.error_of(agent_config={"agent": "vllm", "model": "broken"})
        self.assertEqual((error["code"], error["retry"]), ("agent_error", False))
        self.assertEqual(error["message"], "the agent failed in step 1: KeyError: 'no such tool'")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_an_agent_whose_model_is_busy_may_try_again(self):
        error = self.error_of(agent_config={"agent": "vllm", "model": "limited"})
        self.assertEqual((error["code"], error["retry"]), ("agent_error", True))

    def test_an_unknown_problem_is_refused_with_those_near_to_it(self):
        error = self.error_of("normall")
        self.assertEqual((error["code"], error["retry"]), ("unknown_problem", False))
        self.assertIn("near to it: normal-detection-1", error["message"])
        self.assertEqual(self.journal.all(), [])

    def test_a_setup_that_fails_behind_the_injection_recovers_the_fault_once(self):
        error = self.error_of("failed_workload")
        self.assert_of_environment(error, "no wrk2 image")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_what_an_agent_config_may_not_ask_for_is_refused_before_the_setup(self):
        refused = {
            "unknown agent 'clippy'": {"agent": "clippy"},
            "agent is no text": {"agent": 7},
            "module os is not among": {"agent": "os:system"},
            "module clientsx is not among": {"agent": "clientsx:Agent"},
            "is no module's name": {"agent": "clients..gpt:Agent"},
            "is no agent": {"agent": "clients.vllm:RateLimitError"},
            "there is no module clients.gone": {"agent": "clients.gone:Agent"},
            "base_url cannot be set by a task": {"agent": "openrouter", "base_url": "http://evil"},
            "model is neither a text nor a number": {"agent": "vllm", "model": ["a"]},
            "agent deepseek has one model": {"agent": "deepseek", "model": "gpt-4o"},
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
        error = self.error_of(agent_config={"agent": "vllm", "model": "keyless"})
        self.assertEqual((error["code"], error["retry"]), ("agent_error", True))
        self.assertIn("API key must be provided", error["message"])

    def test_a_missing_kubeconfig_and_a_missing_package_say_what_to_do(self):
        self.kubeconfig.unlink()
        self.assert_of_environment(self.error_of(), "give --kubeconfig")
        self.kubeconfig.touch()
        error = self.error_of(words=["--root", str(self.at)])
        self.assertEqual((error["code"], error["retry"], error["blame"]), ("missing_package", True, "worker"))
        self.assertIn("run this program with the Python that it is installed for", error["message"])

    def test_an_answer_that_breaks_the_evaluation_is_final(self):
        error = self.error_of("normal", "localization", agent_config={"agent": "vllm", "model": "number"})
        self.assertEqual((error["code"], error["retry"]), ("evaluation_error", False))
        self.assertEqual(error["message"], "the evaluation of 5 failed: TypeError: 'int' object is not iterable")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_an_evaluation_that_fails_without_a_cluster_is_the_environments_failure(self):
        error = self.error_of("normal", "localization", agent_config={"agent": "vllm", "model": "lonely"})
        self.assert_of_environment(error, "TypeError")

    def test_a_cluster_that_gives_no_answer_is_not_waited_for(self):
        self.assert_of_environment(self.error_of(environment={"STANDIN_CLUSTER": "gone"}), "server was refused")
        self.assertEqual(self.journal.all(), [])

    def test_an_agent_that_leaves_or_says_nothing_is_the_agents_failure(self):
        said = {
            "exiting": "the agent failed in step 1: SystemExit: no more credit",
            "cancelled": "the agent failed in step 1: CancelledError: by the client's library",
            "nothing": "the agent failed in step 1: ValueError: 1 validation error",
            "no_context": "the agent failed before the first step: SystemExit: no template",
            "dunder": "the agent's action in step 1 cannot be carried out: ValueError: 1 validation error",
        }
        for model, words in said.items():
            with self.subTest(model):
                error = self.error_of(agent_config={"agent": "vllm", "model": model})
                self.assertEqual((error["code"], error["retry"]), ("agent_error", False))
                self.assertNotIn("blame", error)
                self.assertIn(words, error["message"])
        self.assertEqual(self.journal.all().count("recover"), len(said))

    def test_an_error_of_the_model_is_not_taken_for_the_agents_action(self):
        for model, retry in {"busy": True, "unknown": False, "tokens": False}.items():
            with self.subTest(model):
                error = self.error_of(agent_config={"agent": "openrouter", "model": model})
                self.assertEqual((error["code"], error["retry"]), ("agent_error", retry))
        self.assertIn("Error occurred while calling OpenRouter API: 'NoneType' object", error["message"])

    def test_a_setup_that_takes_too_long_is_the_environments_failure(self):
        self.assert_of_environment(self.error_of("late_setup"), "the set-up took too long for the timeout of 600 s")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_a_tokenizer_that_cannot_be_fetched_says_where_to_put_it(self):
        environment = {"STANDIN_NETWORK": "none", "TIKTOKEN_CACHE_DIR": str(self.at / "empty")}
        self.assert_of_environment(self.error_of(environment=environment), f"TIKTOKEN_CACHE_DIR ({self.at}/empty)")

    def test_what_was_done_before_a_failure_is_said(self):
        config = {"agent": "vllm", "model": "slow_later"}
        running = self.run_problem(agent_config=config)
        self.journal.until("thinking")
        running.stop()
        running.end()
        *_, output, error = running.lines
        self.assertEqual(error["error"]["code"], "stopped")
        output = output["output"]
        self.assertEqual((output["problem_id"], output["agent"], output["steps"]), ("normal-detection-1", "vllm", 1))
        self.assertIn("ran look at it", output["trajectory"][0]["observation"])


class Cluster(AiopslabTest):
    def release(self, name, namespace, status):
        (self.at / "releases" / f"{namespace}.{name}").write_text(status)

    def releases(self):
        return {file.name: file.read_text() for file in (self.at / "releases").iterdir()}

    def test_a_release_that_a_stop_left_half_uninstalled_does_not_fail_the_next_attempt(self):
        running = self.run_problem("with_helm", environment={"STANDIN_HELM": "slow"})
        self.journal.until("helm uninstalls")
        running.stop()
        running.end()
        self.assertEqual(self.releases(), {"observe.prometheus": "uninstalling"})
        running = self.run_problem("with_helm")
        self.assertEqual(running.end()["result"]["metrics"]["success"], True)
        self.assertNotIn("waits for pods", self.journal.all())
        said = [line["log"]["message"] for line in running.lines if "log" in line]
        self.assertIn("prometheus in observe is uninstalling since an earlier stop: uninstalling it", said)

    def test_releases_that_a_stop_left_half_installed_are_uninstalled_and_others_left_alone(self):
        self.release("prometheus", "observe", "pending-install")
        self.release("chaos-mesh", "chaos-mesh", "pending-upgrade")
        self.release("mine", "default", "pending-install")
        self.release("theirs", "observe", "deployed")
        self.assertEqual(self.run_problem("with_helm").end()["result"]["metrics"]["success"], True)
        self.assertEqual(self.releases(), {"default.mine": "pending-install", "observe.theirs": "deployed"})

    def test_a_release_that_helm_cannot_uninstall_is_forgotten(self):
        self.release("prometheus", "observe", "uninstalling")
        running = self.run_problem("with_helm", environment={"STANDIN_HELM": "broken"})
        self.assertEqual(running.end()["result"]["metrics"]["success"], True)

    def test_several_kubeconfigs_become_one(self):
        second = self.at / "second"
        second.write_text("users: []")
        words = ["--kubeconfig", f"{self.kubeconfig}{os.pathsep}{second}"]
        running = self.run_problem("slow_setup", words=words, environment={"PATH": f"{STANDIN}/bin:{os.environ['PATH']}"})
        self.journal.until("deploy")
        copy = Path(running.directory.name) / "work" / ".kube" / "config"
        self.assertEqual(copy.read_text(), "clusters: []\nusers: []\n")

    def test_the_tokenizers_file_is_fetched_once_for_all_tasks(self):
        cache = {"TIKTOKEN_CACHE_DIR": str(self.at / "cache")}
        for _ in range(2):
            self.run_problem(environment=cache).end()
        self.assertEqual(self.journal.all().count("fetch tokenizer"), 1)


class Neighbours(AiopslabTest):
    """Two workers on one machine, each with a cluster of its own."""

    def neighbour(self, name, problem, words=(), prefix=(), **members):
        (self.at / f"{name}.kubeconfig").write_text(f"cluster of {name}")
        return self.run_problem(problem, words=words, prefix=prefix, environment={"QTASK_WORKER": name}, **members)

    def test_each_takes_back_its_own_fault(self):
        if not namespaces_work():
            self.skipTest("there are no mount namespaces here")
        thinking = {"agent": "vllm", "model": "slow"}
        first = self.neighbour("w1", "fixed_names", agent_config=thinking)
        self.journal.until("thinking")
        self.neighbour("w2", "fixed_names").end()
        first.stop()
        first.end()
        done = [event for event in self.journal.all() if event.startswith("recover")]
        self.assertEqual(done, ["recover cluster of w2", "recover cluster of w1"])
        self.assertFalse(Path("/tmp/qtask-standin-pod-failure.yaml").exists())

    def test_where_they_would_share_tmp_the_second_one_is_refused(self):
        without = {"prefix": WITHOUT_NAMESPACES if namespaces_work() else ()}
        for where in (without, {"words": ["--shared-tmp"]}):
            with self.subTest(where):
                thinking = {"agent": "vllm", "model": "slow"}
                first = self.neighbour("w1", "normal", agent_config=thinking, **where)
                self.journal.until("thinking")
                answer = self.neighbour("w2", "normal", **where).end()
                self.assert_of_environment(answer["error"], "run one worker for AIOpsLab on each machine")
                first.stop()
                first.end()
                answer = self.neighbour("w2", "normal", **where).end()
                self.assertEqual(answer["result"]["metrics"]["success"], True)
                self.journal.events.clear()

    def test_metrics_and_traces_are_read_from_the_own_cluster(self):
        for port, model, words in ((32000, "measure", "metrics of"), (16686, "trace", "traces of")):
            with self.subTest(model), neighbours_server(port):
                config = {"agent": "vllm", "model": model}
                result = self.neighbour("w1", "observed", agent_config=config, max_steps=1).end()["result"]
                self.assertEqual(result["output"]["trajectory"][0]["observation"], f"{words} cluster of w1")


class Stops(AiopslabTest):
    def assert_stopped(self, answer, words):
        self.assertEqual(answer["error"]["code"], "stopped")
        self.assertTrue(answer["error"]["retry"])
        self.assertIn(words, answer["error"]["message"])

    def test_sigterm_while_the_agent_thinks_recovers_the_fault(self):
        config = {"agent": "vllm", "model": "slow"}
        self.assert_stopped(self.stop_at("thinking", "normal", agent_config=config), "SIGTERM in step 1")
        self.assertEqual(self.journal.all()[-1], "recover")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_sigterm_is_noticed_whichever_thread_the_system_gives_it_to(self):
        config = {"agent": "vllm", "model": "deaf"}
        self.assert_stopped(self.stop_at("thinking", "normal", agent_config=config), "SIGTERM in step 1")

    def test_sigterm_while_an_action_runs_is_not_taken_for_an_observation(self):
        self.assert_stopped(self.stop_at("acting", "slow_action"), "SIGTERM in step 1")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_an_agent_that_swallows_the_stop_is_stopped_after_it(self):
        config = {"agent": "vllm", "model": "stubborn"}
        self.assert_stopped(self.stop_at("thinking", "normal", agent_config=config), "SIGTERM in step 1")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_an_agent_that_tries_again_after_each_exception_is_stopped(self):
        config = {"agent": "vllm", "model": "retrying"}
        self.assert_stopped(self.stop_at("thinking", "normal", agent_config=config), "SIGTERM in step 1")
        self.assertEqual(self.journal.all().count("recover"), 1)

    def test_a_worker_that_has_died_does_not_keep_the_fault_from_being_taken_back(self):
        config = {"agent": "vllm", "model": "slow"}
        running = self.run_problem("chatty_recovery", agent_config=config)
        self.journal.until("thinking")
        running.hang_up()
        running.stop()
        self.journal.until("recover")

    def test_a_worker_that_does_not_read_does_not_either(self):
        config = {"agent": "vllm", "model": "slow"}
        running = self.run_problem("chatty_recovery", agent_config=config, reads=False)
        self.journal.until("thinking")
        running.stop()
        self.journal.until("recover")

    def test_a_task_whose_worker_has_died_ends_at_its_next_step(self):
        config = {"agent": "vllm", "model": "endless"}
        running = self.run_problem("normal", agent_config=config, max_steps=1000)
        self.journal.until("workload")
        running.hang_up()
        running.process.wait()
        self.assertEqual(self.journal.all()[-1], "recover")

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
        config = {"agent": "vllm", "model": "slow"}
        answer = self.stop_at("thinking", "no_recovery", agent_config=config, words=["--grace", "1"])
        self.assert_stopped(answer, "the fault may still be injected")
        self.assertEqual(self.journal.all()[-1], "recover begins")

    def test_the_timeout_ends_the_task_before_the_worker_does(self):
        config = {"agent": "vllm", "model": "late"}
        error = self.error_of(agent_config=config, timeout_seconds=1000, words=["--grace", "100"])
        self.assertEqual((error["code"], error["retry"]), ("timeout", False))
        self.assertEqual(error["message"], "ended in step 1, before its timeout of 1000 s")
        *_, left, last = self.journal.all()
        self.assertEqual(last, "recover")
        self.assertGreater(int(left.split()[0]), 700)
        self.assertLessEqual(int(left.split()[0]), 800)


if __name__ == "__main__":
    unittest.main()
