"""The documentation and the code name the same things: what drifts apart fails here.

Reference pages list names in the first cell of a table row, in backticks, or in a heading. Each
test compares both ways, so that neither a new setting nor a removed one is forgotten.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import load_command_class
from django.test import override_settings

from hardening import checks, conf, signals, urls
from hardening.audit import Event
from hardening.conf import limits, readers
from hardening.core.limits import Limits
from hardening.core.values import NoteKind, Reason, Verdict
from hardening.flows import steps

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "hardening"
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md")) + sorted(DOCS.glob("howto/*.md"))
# Options that every management command has.
COMMON = {flag for action in argparse.ArgumentParser()._actions for flag in action.option_strings}
FLOORS = {
    *("access", "answers", "backends", "core", "facts", "flows", "middleware", "policies"),
    *("receivers", "sessions", "signals", "throttle", "views"),
}


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


def section(text, heading):
    """Return what stands under one heading, up to the next one of its level or above."""
    level = heading.split(" ")[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, heading
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


def rows(text):
    """Return the table rows of a text as lists of cells, without heads."""
    lines = [line.strip() for line in text.splitlines()]
    listed = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
        if line.startswith("| `")
    ]
    assert listed
    return listed


def named(text):
    """Return the names that the first cells of a text's tables hold in backticks."""
    names = [re.match(r"`([^`]+)`", cells[0]).group(1) for cells in rows(text)]
    assert len(names) == len(set(names)), "a name is listed twice"
    return set(names)


def modules():
    for path in sorted(APP.rglob("*.py")):
        if "migrations" not in path.parts:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


# --- settings -----------------------------------------------------------------------------


def test_every_setting_is_described_and_no_other():
    assert named(section(page("settings.md"), "## Keys")) == set(conf._READERS)


def test_every_limit_is_described_with_its_default_and_no_other():
    listed = section(page("settings.md"), "## Limits on guessing")
    assert named(listed) == set(limits._LIMIT_READERS)
    for cells in rows(listed):
        key, default = cells[0].strip("`"), ast.literal_eval(cells[2].strip("`"))
        with override_settings(HARDENING={"THROTTLE": {key: default}}):
            read = getattr(conf.conf().THROTTLE, key)
        assert numbers(read) == numbers(getattr(Limits(), key)), key
        if isinstance(default, dict):
            assert set(default) == set(limits._BACKOFF_READERS)


def numbers(limited):
    """Return the numbers of an account's limit or of rates, whose names only tell them apart."""
    if isinstance(limited, tuple):
        return [(rule.limit, rule.period_us) for rule in limited]
    return limited


def test_every_key_of_a_policy_is_described_and_no_other():
    described = named(section(page("settings.md"), "## A policy of the floor"))
    assert described == set(readers._POLICY_READERS)


def test_the_defaults_described_are_the_defaults():
    for cells in rows(section(page("settings.md"), "## Keys")):
        key, default = cells[0].strip("`"), ast.literal_eval(cells[2].strip("`"))
        with override_settings(HARDENING={}):
            unset = getattr(conf.conf(), key)
        with override_settings(HARDENING={key: default}):
            assert getattr(conf.conf(), key) == unset, key


# --- checks, events, signals ----------------------------------------------------------------


def ids_of_checks():
    files = sorted((APP / "checks").glob("*.py"))
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    return re.findall(r'id="(hardening\.[EW]\d{3})"', source)


def test_every_check_is_described_and_no_other():
    assert named(page("checks.md")) == set(ids_of_checks())


def test_no_two_checks_share_an_id():
    ids = ids_of_checks()
    assert len(ids) == len(set(ids)) > 0


def test_checks_that_run_at_deployment_say_so():
    deploy = {re.match(r"[EW]\d{3}", check.__doc__).group() for check in checks.DEPLOY_CHECKS}
    said = {cells[0].split("`")[1] for cells in rows(page("checks.md")) if "(deploy)" in cells[0]}
    assert said == {f"hardening.{short}" for short in deploy}


def test_ids_named_anywhere_in_the_docs_exist():
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    written = set(re.findall(r"hardening\.[EW]\d{3}", text))
    assert written <= set(ids_of_checks())


def test_every_event_is_described_and_no_other():
    listed = section(page("events.md"), "## Names")
    assert named(listed) == {event.value for event in Event}
    assert all(len(cells) == 2 and cells[1] for cells in rows(listed)), "say when"


def test_every_event_is_recorded_by_some_code():
    recorded = set()
    for path, tree in modules():
        if path.name in {"activity.py", "event_filters.py", "plots.py", "history.py"}:
            continue  # these only tell of what others record
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id="Event"), attr=name):
                    recorded.add(Event[name].value)
    assert recorded == {event.value for event in Event}


def test_every_signal_is_described_and_no_other():
    existing = {name for name, value in vars(signals).items() if isinstance(value, signals.Signal)}
    assert named(page("signals.md")) == existing


def test_the_arguments_of_each_signal_are_those_that_are_sent():
    sent = {}
    for _, tree in modules():
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(
                        attr="send_robust",
                        value=ast.Attribute(value=ast.Name(id="signals"), attr=name),
                    ),
                    keywords=keywords,
                ):
                    given = {keyword.arg for keyword in keywords} - {"sender"}
                    assert sent.setdefault(name, given) == given, f"{name} is sent in two ways"
    described = {
        cells[0].strip("`"): set(re.findall(r"`(\w+)`", cells[1]))
        for cells in rows(page("signals.md"))
    }
    assert described == sent


# --- the decision ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "heading, enum", [("## Verdicts", Verdict), ("## Reasons", Reason), ("## Notes", NoteKind)]
)
def test_every_word_of_the_decision_is_described_and_no_other(heading, enum):
    assert named(section(page("decision.md"), heading)) == {word.value for word in enum}


def test_each_verdict_leads_where_the_docs_say():
    for cells in rows(section(page("decision.md"), "## Verdicts")):
        verdict = Verdict(cells[0].strip("`"))
        if verdict is Verdict.ALLOW:
            continue
        assert f"`{steps.JSON_CODES[verdict]}`" in cells[3]
        url_name = steps.URL_NAMES.get(verdict)
        assert (f"`{url_name.partition(':')[2]}`" in cells[2]) if url_name else "login" in cells[2]


def test_every_reason_stands_in_a_row_of_the_table():
    table = page("decision.md").partition("## Verdicts")[0]
    rows_of_table = [line for line in table.splitlines() if re.match(r"\| \d", line)]
    assert len(rows_of_table) == 9
    placed = set(re.findall(r"`(\w+)`", " ".join(line.split("|")[-2] for line in rows_of_table)))
    assert placed == {reason.value for reason in Reason}


# --- JSON, pages ----------------------------------------------------------------------------


def codes_answered():
    codes = set(steps.JSON_CODES.values())
    for _, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "code":
                        codes |= {value.value} if isinstance(value, ast.Constant) else set()
            match node:
                case ast.Call(func=ast.Name(id="_told_to_wait"), args=[_, _, code, *_]):
                    codes.add(code.value)
    return codes


def test_every_json_code_is_described_and_no_other():
    assert named(section(page("json.md"), "## What is missing")) == codes_answered()


def test_every_url_name_is_described_and_no_other():
    existing = {pattern.name for pattern in urls.urlpatterns}
    assert named(section(page("pages.md"), "## URLs")) == existing


def test_every_rate_of_our_pages_is_described_and_no_other():
    described = {
        cells[0].strip("`"): cells[1].strip("`")
        for cells in rows(section(page("howto/rate-limits.md"), "## Our own pages"))
    }
    views = {pattern.name: pattern.callback.view_class for pattern in urls.urlpatterns}
    assert described == {name: view.rate for name, view in views.items() if hasattr(view, "post")}


def test_pages_that_take_json_exist():
    described = named(section(page("json.md"), "## A sign-in, call by call"))
    existing = {pattern.name for pattern in urls.urlpatterns}
    assert described == existing - {"overview", "recover"}


def test_every_template_is_described_and_no_other():
    folder = APP / "templates"
    existing = {str(path.relative_to(folder)) for path in folder.glob("hardening/*.html")}
    assert named(section(page("pages.md"), "## Templates")) == existing


def test_every_mail_is_described_and_no_other():
    folder = APP / "templates" / "hardening" / "mail"
    existing = {path.name.removesuffix(".subject.txt") for path in folder.glob("*.subject.txt")}
    assert named(section(page("pages.md"), "## Mails")) == existing


def test_every_custom_property_is_described_and_no_other():
    style = (APP / "static" / "hardening" / "hardening.css").read_text(encoding="utf-8")
    root = style.partition(":where(:root) {")[2].partition("}")[0]
    existing = set(re.findall(r"^\s*(--hardening-[\w-]+):", root, re.MULTILINE))
    assert named(section(page("howto/theming.md"), "## Custom properties")) == existing


def test_the_helpers_for_host_tests_are_described_and_exist():
    tree = ast.parse((APP / "testing.py").read_text(encoding="utf-8"))
    existing = {
        node.name
        for node in tree.body
        # Classes that are used like functions are named like them.
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name.islower()
        if not node.name.startswith("_")
    }
    listed = named(section(page("howto/testing.md"), "## The helpers"))
    described = {name.partition("(")[0] for name in listed}
    assert described == existing


# --- commands -------------------------------------------------------------------------------


def commands():
    folder = APP / "management" / "commands"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def test_every_command_is_described_and_no_other():
    assert re.findall(r"^## `(\w+)`", page("commands.md"), re.MULTILINE) == sorted(
        commands(), key=page("commands.md").index
    )


def options_of(parser):
    """Return the long options of a parser and of its subcommands."""
    found = set()
    for action in parser._actions:
        found |= {option for option in action.option_strings if option.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            found |= set().union(*map(options_of, action.choices.values()))
    return found


@pytest.mark.parametrize("name", commands())
def test_every_option_of_a_command_is_described_and_no_other(name):
    parser = load_command_class("hardening", name).create_parser("manage.py", name)
    plain = {"--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color"}
    plain |= {"--force-color", "--skip-checks", *COMMON}
    existing = {option for option in options_of(parser) if option not in plain}
    described = section(page("commands.md"), f"## `{name}`")
    assert set(re.findall(r"--[a-z][a-z-]+", described)) == existing


def test_commands_named_anywhere_in_the_docs_exist():
    written = {
        found
        for path in [*PAGES, ROOT / "README.md", ROOT / "CHANGELOG.md"]
        for found in re.findall(r"manage\.py (hardening_\w+)", path.read_text(encoding="utf-8"))
    }
    assert written <= set(commands())
    assert written


# --- names, tests, pictures -----------------------------------------------------------------


def resolve(dotted):
    """Return what a dotted name below `hardening` stands for; methods and constants too."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(["hardening", *parts[:cut]]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            found = getattr(found, name)
        return found
    raise AssertionError(dotted)


def permissions():
    """Return the code names of the app's permissions, which Django makes and we add to."""
    made = set()
    for model in apps.get_app_config("hardening").get_models():
        made |= {f"{action}_{model._meta.model_name}" for action in model._meta.default_permissions}
        made |= {name for name, _ in model._meta.permissions}
    return made


def test_every_function_on_the_request_flow_exists():
    written = set(re.findall(r"\b([a-z_]+(?:\.\w+)+)\b", page("request-flow.md")))
    ours = {dotted for dotted in written if dotted.split(".")[0] in FLOORS}
    ours -= {dotted for dotted in ours if dotted.endswith((".md", ".user", ".auser"))}
    assert len(ours) > 20
    for dotted in sorted(ours):
        assert resolve(dotted) is not None, dotted


def test_dotted_names_of_the_app_exist_wherever_they_are_written():
    for path in [*PAGES, ROOT / "README.md"]:
        for dotted in re.findall(r"`hardening((?:\.[A-Za-z]\w*)+)`", path.read_text("utf-8")):
            last = dotted.rsplit(".", 1)[1]
            if last in {"audit", "html", *permissions()} or re.fullmatch(r"[EW]\d{3}", last):
                continue  # a logger, a template, a permission, a check
            assert resolve(dotted.removeprefix(".")) is not None, f"{path.name}: hardening{dotted}"


def test_every_test_that_a_standard_is_shown_by_exists():
    references = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page("standards.md"))
    assert len(references) > 30
    for file, name in references:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE), f"{file}::{name}"


def test_every_row_of_the_standards_is_shown_by_a_test():
    text = page("standards.md").partition("## Where we differ")[0]
    listed = [line for line in text.splitlines() if re.match(r"\| (\d|RFC|practice|Key)", line)]
    assert listed
    assert [line for line in listed if "`tests/" not in line] == []


def test_pictures_in_the_readme_and_the_docs_are_there():
    for path in [*PAGES, ROOT / "README.md"]:
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).is_file(), f"{path.name}: {target}"


def test_links_of_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_every_box_is_used():
    used = {
        Path(target).stem
        for path in PAGES
        for target in re.findall(r"\{include\} (\S*boxes/\S+)", path.read_text(encoding="utf-8"))
    }
    assert used == {path.stem for path in DOCS.glob("boxes/*.md")}
