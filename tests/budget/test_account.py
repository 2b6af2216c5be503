"""Which jobs a budget admits: ceilings, guesses, learners, and holds after any order of events."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolink_async import BudgetError
from evolink_async.budget import UNITS, BudgetAccount, Ledger, PriceClass, price_class_of
from evolink_async.budget.account import MAX_UNPRICED, Admitted, Full
from evolink_async.budget.price_list import PRICES, list_price

CLIP = PriceClass("clip", (("duration", "5"), ("quality", "720p")))
LONG = PriceClass("clip", (("duration", "10"), ("quality", "1080p")))
SHORT = PriceClass("clip", (("duration", "3"), ("quality", "720p")))
FILM = PriceClass("film", (("duration", "5"),))


def account(limit: float, *, most_per_job: float | None = None, **prices: float) -> BudgetAccount:
    """A budget with the given prices of `clip` and `film`."""
    known = {"clip": CLIP, "film": FILM}
    ledger = Ledger(prices={str(known[name]): price for name, price in prices.items()})
    return BudgetAccount(limit, ledger, most_per_job=most_per_job)


def taught(limit: float) -> BudgetAccount:
    return account(limit, clip=3.0, film=7.0)


def test_an_exact_budget_buys_its_last_job():
    """Sums of tenths are exact: 10 jobs of 0.1 credits fit into a budget of 1."""
    budget = account(1.0, clip=0.1)
    assert all(budget.admit(str(number), CLIP) == Admitted(0.1) for number in range(10))
    assert isinstance(budget.admit("one more", CLIP), Full)
    assert budget.left == 0


def test_a_job_without_a_known_price_is_a_learner():
    """A class has one learner at a time. Its guess is held, but does not refuse the job."""
    budget = account(2)
    assert budget.admit("a", CLIP) == Admitted(None)
    assert budget.admit("b", CLIP) == Full(0)
    assert budget.exposure == UNITS  # without any known price the guess is 1 credit
    budget.named("a", 1.5)
    assert budget.admit("b", CLIP) == Full(15_000)
    budget.charged("a", 0.5)
    assert budget.admit("b", CLIP) == Admitted(1.5)


def test_a_learner_is_not_sent_once_others_have_used_up_the_budget():
    """It was admitted beside another one, whose price was more than the limit. Its own guess is no reason."""
    budget = account(2)
    assert budget.admit("a", CLIP) == budget.admit("b", FILM) == Admitted(None)
    assert budget.exposure == 2 * UNITS
    assert budget.is_affordable("b")
    budget.named("a", 2.0)
    assert not budget.is_affordable("b")
    budget.charged("a", 1.9)
    assert budget.is_affordable("b")


def test_the_highest_named_price_is_the_ceiling():
    """Prices of accepted and of completed tasks both count."""
    budget = account(100)
    for number, (reserved, used) in enumerate([(3.0, 2.0), (5.0, 4.0), (4.0, 6.0)]):
        budget.admit(str(number), CLIP)
        budget.named(str(number), reserved)
        budget.charged(str(number), used)
    assert budget.admit("next", CLIP) == Admitted(6.0)


@pytest.mark.parametrize("first", [None, 10.0, 90.0])
@pytest.mark.parametrize("used", [None, 8.0])
def test_a_price_that_only_the_end_names_is_learned_and_charged(first, used):
    """What the end of a task says is reserved counts as the answer to its submit does; the higher one is its price."""
    budget = account(1000)
    budget.admit("a", CLIP)
    budget.named("a", first)
    budget.charged("a", used, 60.0)
    dearest = max(first or 0.0, 60.0)
    assert budget.balance.spent == (dearest if used is None else used)
    assert budget.admit("next", CLIP) == Admitted(dearest)


def test_a_task_that_reserves_more_at_its_end_than_at_its_submit_is_believed_no_more():
    """Another task of its class holds the higher price, though its own submit named less."""
    budget = account(1000)
    for key in ("a", "b"):
        budget.admit(key, CLIP)
        budget.named(key, 10.0)
    budget.charged("a", None, 60.0)
    assert budget.holds["b"].units == 60 * UNITS


def test_a_larger_class_bounds_a_smaller_one():
    """The price of a larger class is a ceiling for a smaller one, but not the other way round."""
    budget = BudgetAccount(100, Ledger(prices={str(LONG): 20.0}))
    assert budget.admit("short", SHORT) == Admitted(20.0)
    other = BudgetAccount(100, Ledger(prices={str(SHORT): 6.0}))
    assert other.admit("long", LONG) == Admitted(None)


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [
        ({"duration": 10}, {"duration": 5}),
        ({"quality": "1080p"}, {"quality": "480p"}),
        ({"generate_audio": True}, {"generate_audio": False}),
        ({"video_urls": ["a", "b"]}, {"video_urls": ["a"]}),
        ({"n": 4}, {"n": 1}),
    ],
)
def test_classes_are_compared_in_every_priced_dimension(larger, smaller):
    """The class with the larger value is the larger class; models and fields must be the same."""
    big, small = price_class_of({"model": "m", **larger}), price_class_of({"model": "m", **smaller})
    assert big.is_at_least(small)
    assert not small.is_at_least(big)
    assert not big.is_at_least(price_class_of({"model": "other", **smaller}))
    assert not big.is_at_least(price_class_of({"model": "m", **smaller, "size": "1024x768"}))


def test_a_duration_that_the_model_chooses_is_compared_with_none():
    """A duration of -1 is not a number of seconds."""
    chosen, five = price_class_of({"model": "m", "duration": -1}), price_class_of({"model": "m", "duration": 5})
    assert not five.is_at_least(chosen)
    assert not chosen.is_at_least(five)


WORDS = st.text() | st.text(" =%", min_size=1) | st.sampled_from(["1024 x 1024", "a=b", "100%", "%20", "size=1"])


@given(WORDS, st.dictionaries(WORDS, WORDS), st.none() | st.floats(0, 60))
def test_a_class_is_read_back_from_its_text(model, values, seconds):
    """`parse` reads what `str` writes, whatever the model and the values are."""
    whole = PriceClass(model, tuple(sorted(values.items())))
    whole = whole if seconds is None else whole.with_input_seconds(seconds)
    assert PriceClass.parse(str(whole)) == whole


def test_the_text_of_a_class_is_plain_unless_its_words_have_separators():
    """Only space, `=` and `%` are quoted, so that texts are easy to read and to compare."""
    plain = price_class_of({"model": "wan2.6-reference-video", "quality": "720p", "size": "1024*768"})
    assert str(plain) == "wan2.6-reference-video quality=720p size=1024*768"
    quoted = price_class_of({"model": "a=b", "size": "1024 x 1024", "n": "100%"})
    assert str(quoted) == "a%3Db n=100%25 size=1024%20x%201024"


def test_a_guess_is_the_vendors_list_price_else_what_the_model_costs_else_what_any_does():
    """A guess is above 0: the list price, else the highest price of the model, else the highest price of all."""
    listed = price_class_of({"model": "wan2.6-reference-video", "duration": 5, "quality": "1080p"})
    assert list_price(listed) == pytest.approx(4.76 * 5 * 1.67)
    assert list_price(price_class_of({"model": "wan3.0-text-to-video", "duration": -1})) == pytest.approx(2 * 2.55 * 30)
    assert list_price(price_class_of({"model": "wan2.5-text-to-image", "n": 3})) == pytest.approx(4.5)
    assert list_price(CLIP) is None
    assert all(float(row.credits) > 0 for row in PRICES)
    budget = account(100, film=7.0)
    budget.admit("a", CLIP)
    assert budget.left == 93


def test_three_unpriced_purchases_stop_a_class():
    """Three doubts without a price stop the class; the error names their keys. A settled doubt allows one more."""
    budget = account(1000)
    for number in range(MAX_UNPRICED):
        assert budget.admit(str(number), CLIP) == Admitted(None)
        budget.doubted(str(number))
    answer = budget.admit("next", CLIP)
    assert isinstance(answer, BudgetError)
    assert answer.blocked_by == ("0", "1", "2")
    assert budget.admit("film", FILM) == Admitted(None)
    budget.freed("1")
    assert budget.admit("next", CLIP) == Admitted(None)


def test_a_task_that_ended_without_a_named_price_stays_held():
    """Its guess stays held, and it counts as a purchase without a price."""
    budget = account(1000)
    budget.admit("a", CLIP)
    budget.named("a", None)
    assert budget.admit("b", CLIP) == Full(0)  # the end of "a" may name the price
    budget.charged("a", None)
    assert budget.exposure == UNITS
    assert budget.unpriced(CLIP) == ["a"]
    assert budget.admit("b", CLIP) == Admitted(None)


def test_a_named_price_holds_for_open_doubts_at_once():
    """Two doubts that held 1 credit each hold 10 credits each."""
    budget = account(100)
    for number in range(2):
        budget.admit(str(number), CLIP)
        budget.doubted(str(number))
    budget.admit("c", CLIP)
    budget.named("c", 10.0)
    assert budget.left == 70


def test_what_only_a_person_can_free_is_not_waited_for():
    """A job fails at once if it does not fit beside the credits that are spent or in doubt."""
    budget = account(10, clip=4.0)
    budget.admit("a", CLIP)
    budget.doubted("a")
    budget.admit("b", CLIP)
    assert budget.admit("c", CLIP) == Full(40_000)
    budget.doubted("b")
    answer = budget.admit("c", CLIP)
    assert isinstance(answer, BudgetError)
    assert (answer.needed, answer.left) == (4.0, 2.0)


def test_with_most_per_job_nothing_is_learned_by_buying():
    """Each job holds `most_per_job` until its price is known; a higher price stops the class."""
    budget = account(30, most_per_job=10)
    assert [budget.admit(name, CLIP) for name in "abc"] == [Admitted(10.0)] * 3
    assert budget.admit("d", CLIP) == Full(100_000)
    budget.named("a", 4.0)
    assert budget.left == 0  # it may be charged more than it reserves
    budget.charged("a", 4.0)
    assert budget.left == 6
    budget.charged("a", 4.0)
    budget.charged("b", None)
    assert budget.left == 6
    budget.charged("c", 12.0)
    answer = budget.admit("d", CLIP)
    assert isinstance(answer, BudgetError)
    assert "more than the 10" in str(answer)


@pytest.mark.parametrize("reserved", [5.0, 0.5, 20.0, 25.0])
def test_what_a_task_reserves_is_believed_once_one_was_charged_no_more(reserved):
    """Before that it holds what its class is known to cost, or more."""
    budget = account(100, clip=20.0)
    for key in "ab":
        assert budget.admit(key, CLIP) == Admitted(20.0)
    budget.named("a", reserved)
    budget.named("b", reserved)
    assert budget.left == 100 - 2 * max(20, reserved)
    budget.charged("a", None)
    assert budget.left == 100 - 2 * reserved
    budget.charged("b", reserved)
    assert budget.balance.spent == 2 * reserved


@pytest.mark.parametrize("most_per_job", [None, 30.0])
def test_a_class_that_is_charged_more_than_it_reserves_is_not_believed_any_more(most_per_job):
    """What is under way holds the highest charge at once; so do later jobs, whatever others are charged."""
    budget = account(1000, clip=5.0, most_per_job=most_per_job)
    held = 5.0 if most_per_job is None else 30.0
    for key in "abcde":
        assert budget.admit(key, CLIP) == Admitted(held)
        budget.named(key, 5.0)
    budget.charged("a", 5.0)
    assert budget.left == 1000 - 5 * 5
    budget.charged("b", 20.0)
    assert budget.balance.held == 3 * max(20.0, most_per_job or 0.0)
    budget.charged("c", 5.0)
    budget.freed("d")
    assert budget.left == 1000 - 30 - max(20.0, most_per_job or 0.0)


def test_what_earlier_runs_reserved_is_not_believed_before_one_has_ended():
    """A journal knows what a class cost, and what its open tasks reserve."""
    ledger = Ledger(held={"a": 5.0, "b": 5.0}, classes=dict.fromkeys("ab", str(CLIP)), prices={str(CLIP): 20.0})
    budget = BudgetAccount(100, ledger)
    assert budget.left == 60
    budget.charged("a", 5.0)
    assert budget.left == 90


@given(st.floats(0.0, 40), st.floats(0.1, 30), st.integers(1, 40), st.sampled_from([30.0, 50.0]))
def test_with_most_per_job_nothing_exceeds_the_limit_whatever_is_reserved(reserved, charge, jobs, most):
    """As long as no charge is above it: jobs are bought as long as there is room, and end when there is none."""
    budget, under_way, spent = account(100, most_per_job=most), list[str](), 0.0
    for key in map(str, range(jobs)):
        while isinstance(budget.admit(key, CLIP), Full) and under_way:
            budget.charged(under_way.pop(), charge)
            spent += charge
        if key in budget.holds:
            budget.named(key, reserved)
            under_way.append(key)
    assert spent + len(under_way) * charge <= 100 + jobs / UNITS


def test_credits_kept_free_for_one_job_are_not_given_to_others():
    """Other jobs get them only after `keep_free(0)`."""
    budget = account(10, clip=3.0, film=7.0)
    budget.admit("a", CLIP)
    budget.keep_free(70_000)
    assert budget.admit("b", CLIP) == Full(30_000)
    budget.keep_free(0)
    assert budget.admit("b", FILM) == Admitted(7.0)


@pytest.mark.parametrize("end", ["freed", "doubted"])
def test_a_learner_is_forgotten_with_its_job(end):
    """After the learner ends, the next job of the class becomes the learner."""
    budget = account(100)
    budget.admit("a", CLIP)
    getattr(budget, end)("a")
    assert budget.admit("b", CLIP) == Admitted(None)


@pytest.mark.parametrize("is_found", [False, True])
def test_learners_that_an_earlier_process_left_behind_count_until_they_end(is_found):
    """With a doubt and two accepted jobs of unknown price no further job of the class begins, found again or not.

    The end of one that was found may name no price, and then there would be four.
    """
    left = {"doubt": str(CLIP), "one": str(CLIP), "two": str(CLIP)}
    ledger = Ledger(held=dict.fromkeys(left, 0.0), unpriced=left, doubts=frozenset({"doubt"}))
    budget = BudgetAccount(1000, ledger)
    assert budget.admit("next", CLIP) == Full(0)
    assert budget.admit("film", FILM) == Admitted(None)
    if is_found:
        budget.found("one", "task-one")
    assert budget.admit("next", CLIP) == Full(0)
    budget.freed("one")
    assert budget.admit("next", CLIP) == Admitted(None)


def test_what_earlier_runs_hold_counts():
    """Credits of earlier runs are held: with and without a named price, in doubt and accepted."""
    ledger = Ledger(
        spent=5.0,
        held={"named": 3.0, "doubt": 0.0, "priced": 0.0},
        unpriced={"doubt": str(CLIP), "priced": str(FILM)},
        doubts=frozenset({"doubt"}),
        prices={str(FILM): 7.0},
    )
    budget = BudgetAccount(100, ledger)
    assert budget.left == 100 - 5 - 3 - 7 - 7  # the doubt holds the highest known price
    assert budget.unpriced() == ["doubt"]
    budget.charged("priced", 6.0)
    budget.freed("doubt")
    assert budget.left == 100 - 5 - 3 - 6


def test_a_price_that_the_job_of_an_earlier_run_names_is_learned():
    """Also of one whose price was known: it was sent again in doubt, and costs more by now."""
    classes = {"named": str(CLIP), "doubt": str(FILM)}
    held = {"named": 40.0, "doubt": 0.0}
    budget = BudgetAccount(
        100, Ledger(held=held, unpriced={"doubt": str(FILM)}, classes=classes, prices={str(CLIP): 40.0})
    )
    budget.named("named", 60.0)
    budget.named("doubt", 30.0)
    assert budget.prices == {str(CLIP): 60.0, str(FILM): 30.0}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["admit", "named", "doubted", "freed", "charged"]),
        st.sampled_from("abcdef"),
        st.sampled_from(["clip", "film"]),
        st.sampled_from([None, 0.5, 1.0]),
    ),
    max_size=60,
)
PRICES_OF = {"clip": 3.0, "film": 7.0}
CLASSES = {"clip": CLIP, "film": FILM}


@given(STEPS, st.integers(1, 40))
def test_the_limit_holds_whatever_happens(steps, limit):
    """If prices are known, charges and holds at the service stay within the limit after any order of events."""
    budget = taught(limit)
    reserved: dict[str, str] = {}
    at_the_service: dict[str, float] = {}
    spent = 0.0
    for step, key, kind, share in steps:
        if step == "admit" and key not in {**reserved, **at_the_service}:
            if isinstance(budget.admit(key, CLASSES[kind]), Admitted):
                reserved[key] = kind
        elif step in ("named", "doubted") and key in reserved:
            price = PRICES_OF[reserved.pop(key)]  # the worst case of a doubt: the service accepted it
            at_the_service[key] = price
            budget.named(key, price if share else None) if step == "named" else budget.doubted(key)
        elif step == "freed" and key in {**reserved, **at_the_service}:
            reserved.pop(key, None)
            at_the_service.pop(key, None)
            budget.freed(key)
        elif step == "charged" and key in at_the_service:
            price = at_the_service.pop(key)
            spent += price if share is None else price * share
            budget.charged(key, None if share is None else price * share)
        assert spent + sum(at_the_service.values()) <= limit + 1e-9
        assert budget.exposure <= limit * UNITS


@given(STEPS, st.integers(1, 40))
def test_nothing_is_left_held_when_all_is_over(steps, limit):
    """After any order of events, `freed` for every key leaves no holds."""
    budget = account(limit)
    for step, key, kind, share in steps:
        if step == "admit":
            budget.freed(key)
            budget.admit(key, CLASSES[kind])
        elif step in ("named", "charged"):
            getattr(budget, step)(key, share)
        else:
            getattr(budget, step)(key)
    before = budget.exposure
    for key in "abcdef":
        budget.freed(key)
    assert 0 <= budget.exposure <= before
    assert budget.unpriced() == []
    assert budget.balance.held == 0
    assert budget.holds == {}


@given(STEPS, st.integers(1, 40))
def test_what_is_left_held_and_spent_is_the_limit(steps, limit):
    """After any order of events, to the unit: the three figures are made of the same whole numbers."""
    budget = account(limit)
    for step, key, kind, share in steps:
        if step == "admit":
            budget.freed(key)
            budget.admit(key, CLASSES[kind])
        elif step in ("named", "charged"):
            getattr(budget, step)(key, share)
        else:
            getattr(budget, step)(key)
        balance = budget.balance
        units = [round(amount * UNITS) for amount in (balance.left, balance.held, balance.spent)]
        assert sum(units) == limit * UNITS
        assert units[1] + units[2] == budget.exposure
        assert balance.left == budget.left


def test_prices_that_were_learned():
    """Are those of earlier runs, and those of this one, the highest for each class."""
    budget = account(100, film=7.0)
    budget.admit("a", CLIP)
    budget.named("a", 1.5)
    assert budget.prices == {str(FILM): 7.0, str(CLIP): 1.5}
