"""What a cohort is to consist of, what the manifest says is there, and what is left to do."""

from dataclasses import replace

import pytest

from twin.meshes.errors import InputError
from twin.meshes.files import file_hash
from twin.simulation.recruitment.crowds.schedule import MOST_DEATHS, Schedule, Task, whole_entries
from twin.simulation.recruitment.plan import CASES_PER_SHARD, Plan
from twin.simulation.recruitment.recipe import Recipe
from twin.simulation.recruitment.store.header import begin, read_plan
from twin.simulation.recruitment.store.manifest import Entry, append_entry, read_entries
from twin.simulation.recruitment.store.tally import Tally


def recipe(each=10):
    return Recipe.of_text(f'name = "test"\nversion = 1\ncases_per_heart = {each}\n')


@pytest.mark.parametrize(("count", "each"), [(1, 10), (60, 10), (61, 10), (230, 120), (50, 50)])
def test_every_case_lies_in_one_shard_on_its_heart(count, each):
    plan = Plan(recipe(each), count)
    cases = [case for shard in plan.shards for case in shard.cases]
    assert cases == list(range(count))
    assert [shard.number for shard in plan.shards] == list(range(len(plan.shards)))
    for shard in plan.shards:
        assert len(shard.cases) <= CASES_PER_SHARD
        assert {case // each for case in shard.cases} == {shard.anatomy}
        assert [plan.place(case) for case in shard.cases] == [c % each for c in shard.cases]
    assert {shard.anatomy for shard in plan.shards} == set(range(plan.anatomies))


def test_a_longer_cohort_begins_with_the_shorter_one():
    short, long = Plan(recipe(), 30, seed=4), Plan(recipe(), 90, seed=4)
    assert long.shards[: len(short.shards)] == short.shards
    assert [short.case_seed(k) for k in range(30)] == [long.case_seed(k) for k in range(30)]


def test_seeds_differ_and_stay():
    plan, other = Plan(recipe(), 1000, seed=1), Plan(recipe(), 1000, seed=2)
    seeds = [p.case_seed(k) for p in (plan, other) for k in range(1000)]
    seeds += [p.anatomy_seed(k) for p in (plan, other) for k in range(100)]
    assert len(set(seeds)) == len(seeds)
    assert max(seeds) < 2**53
    # What was made yesterday must be made again tomorrow.
    assert Plan(recipe(), 1).case_seed(0) == 8290738038375601


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-1, 0), (10**9, 0), (1, -1), (1, 2**60)])
def test_an_impossible_plan_is_refused(count, seed):
    with pytest.raises(InputError, match="expected"):
        Plan(recipe(), count, seed)


def entry(number=0, kind="shard", **more):
    return Entry(kind, number, 0, 0, **more)


def test_the_manifest_gives_back_what_was_entered(tmp_path):
    said = entry(cases=(0, 2), failures={1: "why"}, seconds={"cases": 1.5}, sha256="a", bytes=3)
    append_entry(tmp_path, said)
    append_entry(tmp_path, entry(1))
    assert read_entries(tmp_path) == {("shard", 0): said, ("shard", 1): entry(1)}


def test_a_torn_line_costs_that_line_alone(tmp_path):
    append_entry(tmp_path, entry(0))
    manifest = tmp_path / "manifest.jsonl"
    whole = manifest.read_bytes()
    for cut in range(1, len(whole)):
        manifest.write_bytes(whole + whole.replace(b'"number":0', b'"number":7')[:cut])
        append_entry(tmp_path, entry(1))
        found = set(read_entries(tmp_path))
        assert {("shard", 0), ("shard", 1)} <= found <= {("shard", k) for k in (0, 1, 7)}


def test_the_last_word_about_a_file_counts(tmp_path):
    append_entry(tmp_path, entry(failed="no"))
    append_entry(tmp_path, entry(sha256="b"))
    assert read_entries(tmp_path)["shard", 0].sha256 == "b"


def test_only_whole_files_count_as_there(tmp_path):
    plan = Plan(recipe(), 40)
    begin(tmp_path, plan)
    for number in range(4):
        path = entry(number).path(tmp_path)
        path.write_bytes(b"data" * 10)
        append_entry(tmp_path, entry(number, sha256=file_hash(path), bytes=40))
    entry(0).path(tmp_path).unlink()
    entry(1).path(tmp_path).write_bytes(b"data" * 9 + b"dat_")
    append_entry(tmp_path, entry(2, failed="worse"))
    assert set(whole_entries(tmp_path, plan)) == {("shard", 3)}


def test_a_folder_is_continued_only_with_what_it_was_begun_with(tmp_path):
    begin(tmp_path / "c", Plan(recipe(), 40, seed=3))
    begin(tmp_path / "c", Plan(recipe(), 40, seed=3))
    assert read_plan(tmp_path / "c") == Plan(recipe(), 40, seed=3)
    for other, what in (
        (Plan(recipe(), 41, seed=3), "count 40"),
        (Plan(recipe(), 40, seed=4), "seed 3"),
        (Plan(recipe(11), 40, seed=3), "recipe test 1"),
    ):
        with pytest.raises(InputError, match=f"was begun with the {what}"):
            begin(tmp_path / "c", other)


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"holds thesis\.tex but no cohort\.json"):
        begin(tmp_path, Plan(recipe(), 40))
    with pytest.raises(InputError, match="is a file"):
        begin(tmp_path / "thesis.tex", Plan(recipe(), 40))


def test_a_shard_waits_for_its_anatomy_and_then_goes_first():
    schedule = Schedule(Plan(recipe(), 20), {})
    first, second = schedule.take(), schedule.take()
    assert [first, second] == [Task("anatomy", 0, 0), Task("anatomy", 1, 1)]
    assert schedule.take() is None
    assert schedule.unfinished
    schedule.finish(second)
    assert schedule.take() == Task("shard", 1, 1)
    schedule.finish(first)
    schedule.finish(schedule.take(0))
    schedule.finish(Task("shard", 1, 1))
    assert not schedule.unfinished


def test_what_is_there_is_not_done_again():
    done = {("anatomy", 0): entry(kind="anatomy"), ("shard", 0): entry()}
    schedule = Schedule(Plan(recipe(), 20), done)
    assert schedule.anatomies_left == [1]
    assert schedule.take() == Task("anatomy", 1, 1)


def test_a_deadly_task_is_given_up_and_a_lost_one_done_again():
    schedule = Schedule(Plan(recipe(), 20), {})
    for death in range(MOST_DEATHS):
        task = schedule.take()
        assert task == Task("anatomy", 0, 0)
        assert schedule.lose(task) == (death < MOST_DEATHS - 1)
    assert schedule.give_up(task) == [Task("shard", 0, 0)]
    assert schedule.anatomies_left == [1]


def test_the_tally_counts_failed_cases_and_files_as_done():
    told = []
    tally = Tally(Plan(recipe(), 30), [], 2, lambda text, share: told.append((text, share)))
    tally.watch(entry(kind="anatomy", seconds={"patient": 20.0}))
    tally.watch(entry(cases=range(9), failures={9: "no"}, seconds={"cases": 10.0}))
    assert told[-1][0].startswith("1 of 3 hearts, 10 of 30 cases")
    assert tally.seconds_left == pytest.approx((2 * 20 + 20 * 1) / 2)
    assert told[-1][1] == pytest.approx(30 / 90)
    tally.watch(replace(entry(1, failed="killed"), anatomy=1))
    assert told[-1][0].startswith("1 of 3 hearts, 20 of 30 cases")
