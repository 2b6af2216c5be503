"""What the core once did wrong, each with the shortest script that showed it. All of them hold every law today.

`why` says what was wrong at the time; `pattern` names the situations in which it broke a law.
"""

from __future__ import annotations

from tests.simulation.known import Known
from tests.simulation.script import (
    CallBack,
    Cancel,
    Close,
    ClosePool,
    Crash,
    Drain,
    Follow,
    Forget,
    Generate,
    Outage,
    Poll,
    Reprice,
    Retune,
    Revoke,
    Run,
    Script,
    Settle,
    Submit,
    Twin,
    Wait,
    Watch,
    Wish,
)

A, B = Wish(key="a"), Wish(key="b")
RUN_A = Run(at=0.0, name="run", jobs=("a",))

EVIDENCE = (
    Known(
        pattern="*, answered by 499_paid",
        why="499 counts as a refusal, yet a proxy writes it when the client left: the task may be paid. A paid job"
        " comes back with `may_resubmit`, no caller learns of its task, and the next call buys it again.",
        script=Script(wishes=(Wish(key="a", sends=("499_paid",)),), steps=(RUN_A,)),
    ),
    Known(
        pattern="*, answered by 503_*_paid",
        why="Any 503 with JSON counts as a refusal and is sent again, also one that a gateway writes after the task was"
        " made. One job may be paid ten times.",
        script=Script(wishes=(Wish(key="a", sends=("503_upstream_paid",)),), steps=(RUN_A,)),
    ),
    Known(
        pattern="1 one outcome: a page's refusal of a POST taken for the vendor's",
        why="A balancer's 403 or 404 page, as while a backend restarts, ends the job for good.",
        script=Script(wishes=(Wish(key="a", sends=("404_page",)),), steps=(RUN_A,)),
    ),
    Known(
        pattern="1 one outcome: a page's refusal taken for the vendor's",
        why="A balancer's 403 page, four times in a row, ends the watching of a task that goes on.",
        script=Script(
            wishes=(Wish(key="a", life=120.0),),
            steps=(RUN_A, Outage(at=10.0, seconds=300.0, reply="403_page", reads=True)),
        ),
    ),
    Known(
        pattern="1 one outcome: not found, but the vendor knows it",
        why="A balancer's 404 page ends the watching of a task older than `not_found_grace` at the first poll.",
        script=Script(
            wishes=(Wish(key="a", life=120.0),),
            steps=(RUN_A, Outage(at=70.0, seconds=300.0, reply="404_page", reads=True)),
        ),
    ),
    Known(
        pattern="3 nothing lost: * about its task with may_resubmit, told of a paid job",
        why="Polls that are refused for the key end a job with an error that says `may_resubmit`, while its paid task"
        " goes on: the class of the error speaks of submits.",
        script=Script(wishes=(A,), steps=(RUN_A, Revoke(at=1.0, session=0, seconds=400.0))),
    ),
    Known(
        pattern="8 every call ends: *, a final word in another spelling",
        why="`canceled`, `expired` and other final words are polled without end.",
        script=Script(wishes=(Wish(key="a", end="expired"),), steps=(RUN_A,)),
    ),
)

ENDS = (
    Known(
        pattern="5 told once: JobEnded more than once",
        why="Each run, wait, poll and watch that sees the end of a task settles, counts and tells it.",
        script=Script(wishes=(A,), steps=(RUN_A, Run(at=5.0, name="other", jobs=("a",)))),
    ),
    Known(
        pattern="5 told once: stats: more credits than were charged",
        why="The same: an end seen twice is charged twice.",
        script=Script(wishes=(A,), steps=(RUN_A, Generate(at=5.0, name="other", job="a"))),
    ),
    Known(
        pattern="4 within budget: refused, though it fits",
        why="The same: an end seen twice takes its credits from the budget twice.",
        script=Script(
            budget=25.0,
            used=1.0,
            wishes=(A, B),
            steps=(RUN_A, Generate(at=5.0, name="other", job="a"), Run(at=100.0, name="next", jobs=("b",))),
        ),
    ),
    Known(
        pattern="2 paid once: a job bought twice, journal in memory",
        why="An end that a second call sees late makes the journal forget the next purchase of the same key, so a third"
        " call buys it once more.",
        script=Script(
            sessions=2,
            wishes=(Wish(key="a", life=5.0),),
            steps=(
                RUN_A,
                Poll(at=8.0, name="poll", job="a"),
                Generate(at=9.0, name="generate", job="a"),
                Submit(at=41.0, name="submit", job="a"),
            ),
        ),
    ),
    Known(
        pattern="5 told once: stats: * is not what was told",
        why="A run that is left while an end is being written has counted it and never tells it.",
        script=Script(
            salt=5,
            slow_disk=True,
            wishes=(A, B, Wish(key="c")),
            steps=(Run(at=0.0, name="run", jobs=("b", "a", "c"), leave_after=2),),
        ),
    ),
    Known(
        pattern="5 told once: JobEnded before the durable end",
        why="An end that a poll sees while the pool closes is told though the journal is closed already.",
        script=Script(
            salt=3,
            journal="file",
            wishes=(Wish(key="j2"),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j2",)),
                Crash(at=19.0),
                Poll(at=56.99, name="poll1", job="j2"),
                ClosePool(at=56.99),
            ),
        ),
    ),
    Known(
        pattern="1 one outcome: a deadline passed without a last poll",
        why="The time-out of a run ends a job without looking at its task, which may have ended long ago.",
        script=Script(wishes=(Wish(key="a", life=0.5),), steps=(Run(at=0.0, name="run", jobs=("a",), timeout=30.0),)),
    ),
    Known(
        pattern="11 restart tells the same: not found, though its end is in the journal",
        why="`pool.wait` asks the vendor for a task whose end is in the journal file.",
        script=Script(
            journal="file", wishes=(A,), steps=(RUN_A, Forget(at=100.0, job="a"), Wait(at=200.0, name="wait", job="a"))
        ),
    ),
)

HANDOVERS = (
    Known(
        pattern="1 one outcome: no outcome, and the stream was drained",
        why="A job that waits for `in_flight` when its run is drained was read, and never comes back.",
        script=Script(
            in_flight=1,
            wishes=(A, B),
            steps=(RUN_A, Run(at=2.0, name="other", jobs=("b",)), Drain(at=4.0, run="other")),
        ),
    ),
    Known(
        pattern="1 one outcome: no outcome, and the stream ended because the pool was closed",
        why="Closing a pool ends the streams of its runs quietly: jobs that were read are missing.",
        script=Script(wishes=(A,), steps=(RUN_A, ClosePool(at=10.0))),
    ),
    Known(
        pattern="1 one outcome: withdrawn, though its call goes on",
        why="A call that wants a job in the moment another one lets go of it joins the cancelled submission.",
        script=Script(
            budget=42.5,
            wishes=tuple(Wish(key=key) for key in ("j3", "j4", "j5", "j6", "j7")),
            steps=(
                Run(at=0.0, name="run0", jobs=("j5", "j4", "j6", "j7", "j3")),
                Run(at=20.0, name="run2", jobs=("j3",)),
                Close(at=20.0, run="run0"),
            ),
        ),
    ),
    Known(
        pattern="1 one outcome: the input failed, and the stream ended quietly",
        why="A cancellation that an input lets out ends the stream as if the input were at its end.",
        script=Script(wishes=(A,), steps=(Run(at=0.0, name="run", jobs=("a",), input_fails="cancelled"),)),
    ),
    Known(
        pattern="8 every call ends: run never ends",
        why="A run that is drained before its first step cancels its reader before that has begun, which never ends"
        " the stream.",
        script=Script(
            salt=3,
            wishes=(Wish(key="j0"),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Submit(at=0.0, name="submit1", job="j0"),
                Drain(at=0.0, run="run0"),
            ),
        ),
    ),
    Known(
        pattern="8 every call ends: *, with a budget",
        why="A job that waits for credits is not woken when the last task that could free some is watched no more.",
        script=Script(
            budget=15.0,
            wishes=(A, B),
            steps=(RUN_A, Generate(at=50.0, name="generate", job="b"), Watch(at=50.0, name="watch", job="a")),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though credits may come free*",
        why="Between the answer to a submit and the first poll of its task there is a turn of the loop in which nothing"
        " seems to be under way: who waits for credits is refused.",
        script=Script(
            budget=300.0,
            in_flight=2,
            wishes=(
                Wish(key="j0", price_class=3),
                Wish(key="j2", price_class=1),
                Wish(key="j3", price_class=3),
                Wish(key="j6", price_class=1),
                Wish(key="j7", price_class=2),
                Wish(key="j9", price_class=3),
            ),
            steps=(Run(at=0.0, name="run0", jobs=("j0", "j2", "j3", "j7", "j9", "j6")),),
        ),
    ),
    Known(
        pattern="*, after an unexpected exception",
        why="An exception that is no error of the library, as from a user's tracer, ends in a callback: the job has no"
        " outcome, its place in `in_flight` is lost, and the run never ends.",
        script=Script(wishes=(Wish(key="a", sends=("broken",)), B), steps=(Run(at=0.0, name="run", jobs=("b", "a")),)),
    ),
    Known(
        pattern="2 paid once: *, shared by two pools*",
        why="A journal in memory that two pools share does not keep the second one from buying what the first one has"
        " read and not yet sent.",
        script=Script(
            wishes=(A, B),
            steps=(Run(at=0.0, name="run", jobs=("a", "b")), Twin(at=0.0, name="twin", jobs=("a", "b"))),
        ),
    ),
    Known(
        pattern="3 nothing lost: a paid task that no caller knows of",
        why="A run that waited for a place buys a job again that has ended meanwhile; a third call, told late of the"
        " first end, makes the journal forget the second purchase. Its answer meets a KeyError, and the run hangs.",
        script=Script(
            salt=6,
            in_flight=1,
            wishes=(Wish(key="j0", life=120.0),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Run(at=0.0, name="run2", jobs=("j0",)),
                Watch(at=3.0, name="watch0", job="j0"),
                Generate(at=69.0, name="generate1", job="j0"),
            ),
        ),
    ),
    Known(
        pattern="1 one outcome: raised KeyError",
        why="The second end of a purchase takes the record of the next one, whose acceptance then meets a KeyError.",
        script=Script(
            salt=6,
            in_flight=1,
            wishes=(Wish(key="j0", life=0.5),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Run(at=10.0, name="retry1", jobs=("j0",)),
                Poll(at=13.0, name="poll0", job="j0"),
                Submit(at=42.0, name="submit0", job="j0"),
                Retune(at=114.0, submits=2, in_flight=3),
            ),
        ),
    ),
    Known(
        pattern="*, after a KeyError",
        why="What follows from the entry above: the error ends in a callback, and a run loses its job or hangs.",
        script=Script(
            salt=6,
            in_flight=1,
            wishes=(Wish(key="j0", life=0.5),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Run(at=10.0, name="retry1", jobs=("j0",)),
                Poll(at=13.0, name="poll0", job="j0"),
                Submit(at=42.0, name="submit0", job="j0"),
                Retune(at=114.0, submits=2, in_flight=3),
            ),
        ),
    ),
    Known(
        pattern="1 one outcome: the outcome of another job",
        why="One error object is told to many: the refusal that suspended a key, with another job's task in it, is the"
        " outcome of every job that finds the key suspended.",
        script=Script(in_flight=2, wishes=(A,), steps=(RUN_A, Revoke(at=2.0, session=0, seconds=400.0))),
    ),
)

OWNERS = (
    Known(
        pattern="6 no unwanted POST: a POST without an owner, after *",
        why="Only a job that waits is withdrawn. One whose POST is under way, or whose intent is being written, goes"
        " out again after a refusal though its last caller has left; a run that is drained before it is read buys all.",
        script=Script(
            salt=2,
            wishes=(Wish(key="j3", sends=("undelivered",)),),
            steps=(Run(at=0.0, name="run0", jobs=("j3",)), Drain(at=1.0, run="run0")),
        ),
    ),
    Known(
        pattern="6 no unwanted POST: a POST after the pool began to close",
        why="A submit whose intent is being written when the pool begins to close is sent all the same.",
        script=Script(
            salt=2,
            slow_disk=True,
            wishes=(Wish(key="j14"),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j14",)),
                ClosePool(at=0.22),
            ),
        ),
    ),
    Known(
        pattern="3 nothing lost: ConfigurationError with may_resubmit, told of a paid job*",
        why="A call that ends because the pool closes, or because its run is drained twice, gets an error that says"
        " nothing was sent, while its task is paid or in doubt.",
        script=Script(wishes=(A,), steps=(Generate(at=0.0, name="generate", job="a"), ClosePool(at=5.0))),
    ),
    Known(
        pattern="9 polls bounded: a task is polled that no call waits for",
        why="A watch that is left without closing goes on to poll.",
        script=Script(
            wishes=(Wish(key="a", life=120.0),),
            steps=(
                Submit(at=0.0, name="submit", job="a"),
                Watch(at=1.0, name="watch", job="a", leave_after=1, closes=False),
            ),
        ),
    ),
    Known(
        pattern="7 nothing left: stats().in_flight is not 0",
        why="The same: its task is watched for as long as it lives.",
        script=Script(
            wishes=(Wish(key="a", life=500.0),),
            steps=(
                Submit(at=0.0, name="submit", job="a"),
                Watch(at=1.0, name="watch", job="a", leave_after=1, closes=False),
            ),
        ),
    ),
)

MONEY = (
    Known(
        pattern="4 within budget: many jobs of a price that lost replies do not name",
        why="A job of an unknown price counts as zero: after each lost reply the next one is sent.",
        script=Script(
            budget=24.0,
            wishes=tuple(Wish(key=f"j{number}", sends=("reset_paid",)) for number in range(8)),
            steps=(Run(at=0.0, name="run", jobs=tuple(f"j{number}" for number in range(8))),),
        ),
    ),
    Known(
        pattern="4 within budget: many jobs of a price that the vendor does not name",
        why="The same, when the vendor names no price: any number of jobs fits.",
        script=Script(
            budget=15.0,
            says_price=False,
            used=None,
            wishes=tuple(Wish(key=f"j{number}") for number in range(6)),
            steps=(Run(at=0.0, name="run", jobs=tuple(f"j{number}" for number in range(6))),),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though it fits, after a settle",
        why="A doubt that is settled as abandoned holds its credits in the open pool.",
        script=Script(
            budget=20.0,
            used=1.0,
            wishes=(A, Wish(key="b", sends=("502_page",)), Wish(key="c")),
            steps=(
                RUN_A,
                Run(at=100.0, name="second", jobs=("b",)),
                Settle(at=200.0, job="b", how="abandon"),
                Run(at=210.0, name="third", jobs=("c",)),
            ),
        ),
    ),
)

OUTAGES = (
    Known(
        pattern="6 no unwanted POST: a POST before the time asked for",
        why="`Retry-After` is noted where the refused job goes on, so jobs that are past the gate, or come after a job"
        " that gave up, do not keep to it.",
        script=Script(
            wishes=(Wish(key="a", sends=("429_400",)), B),
            steps=(RUN_A, Run(at=10.0, name="other", jobs=("b",))),
        ),
    ),
    Known(
        pattern="10 outages bounded: one key's refusal fails a job that another key may buy",
        why="A key that may not use the model takes jobs from one that may.",
        script=Script(
            sessions=2,
            wishes=(A,),
            steps=(Revoke(at=0.0, session=0, seconds=400.0, reply="403_model"), Run(at=1.0, name="run", jobs=("a",))),
        ),
    ),
)

BRAKE = (
    Known(
        pattern="10 outages bounded: an outage leaves many in doubt",
        why="After a doubt one job at a time takes the same risk, with no end.",
        script=Script(
            wishes=tuple(Wish(key=f"j{number}") for number in range(13)),
            steps=(
                Outage(at=0.0, seconds=1000.0, reply="502_page"),
                Run(at=1.0, name="run", jobs=tuple(f"j{number}" for number in range(13))),
            ),
        ),
    ),
    Known(
        pattern="10 outages bounded: a refused key is asked again and again",
        why="With `same_key` every call sends a doubt again to the key it was sent with, also when that is suspended.",
        script=Script(
            resubmit="same_key",
            wishes=(Wish(key="a", sends=("silent_paid",)),),
            steps=(
                RUN_A,
                Revoke(at=30.0, session=0, seconds=1000.0),
                *(Run(at=100.0 + number, name=f"again{number}", jobs=("a",)) for number in range(9)),
            ),
        ),
    ),
    Known(
        pattern="1 one outcome: a page's refusal of a POST taken for the vendor's",
        why="A balancer's 403 page is sent again within patience. A job that nobody wants any more, or that has no"
        " patience left, is told the page's refusal under the name of the vendor's.",
        script=Script(
            salt=7,
            wishes=(Wish(key="j0", sends=("broken",)), Wish(key="j2", sends=("undelivered", "403_page", "403_page"))),
            steps=(Run(at=0.0, name="run0", jobs=("j2", "j0"), gap=5.0),),
        ),
    ),
    Known(
        pattern="6 no unwanted POST: a POST before the time asked for",
        why="What a service has asked is not remembered over a crash, and the first jobs of the next process go out"
        " together.",
        script=Script(
            salt=5,
            slow_disk=True,
            wishes=(Wish(key="j6", sends=("499_paid", "429_400")), Wish(key="j8")),
            steps=(
                Run(at=0.0, name="run2", jobs=("j6",)),
                Crash(at=221.0),
                Run(at=365.0, name="rerun", jobs=("j6", "j8")),
            ),
        ),
    ),
)

CASCADES = (
    Known(
        pattern="3 nothing lost: *, with two pools",
        why="Of two pools that share a journal in memory one buys a job, and the other one is refused the same job.",
        script=Script(
            salt=1,
            slow_disk=True,
            wishes=(Wish(key="j11", sends=("undelivered", "404_page")),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j11",), idle=5.0),
                Twin(at=4.0, name="twin", jobs=("j11",)),
            ),
        ),
    ),
    Known(
        pattern="3 nothing lost: BudgetError with may_resubmit, told of a paid job",
        why="The journal forgot a purchase, as in `a job bought twice, journal in memory`; the budget remembers it.",
        script=Script(
            sessions=2,
            budget=24.0,
            says_price=False,
            wishes=(Wish(key="j0", life=5.0),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Poll(at=8.0, name="poll0", job="j0"),
                Generate(at=9.0, name="generate1", job="j0"),
                Submit(at=41.0, name="submit0", job="j0"),
                Generate(at=46.0, name="generate0", job="j0"),
            ),
        ),
    ),
    Known(
        pattern="3 nothing lost: a job whose task is forgotten cannot be settled",
        why="A task that the vendor has forgotten holds its credits and its key for good.",
        script=Script(
            wishes=(Wish(key="a", life=500.0),),
            steps=(RUN_A, Forget(at=10.0, job="a"), Settle(at=200.0, job="a", how="abandon")),
        ),
    ),
    Known(
        pattern="8 every call ends: watch never ends",
        why="A watch reads the journal first. If the pool closed meanwhile, it waited for news of a closed pool.",
        script=Script(
            salt=525407,
            journal="file",
            slow_disk=True,
            wishes=(Wish(key="j0"),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Generate(at=12.0, name="generate1", job="j0"),
                Wait(at=12.0, name="wait0", job="j0"),
                Wait(at=20.0, name="wait2", job="j0"),
                Watch(at=20.0, name="watch0", job="j0"),
                ClosePool(at=24.0),
            ),
        ),
    ),
)

LAST_WORDS = (
    Known(
        pattern="1 one outcome: a deadline passed without a last poll",
        why="`wait(timeout)` sends no second poll while its first is unanswered, here for more than the time-out.",
        script=Script(
            salt=982836,
            wishes=(Wish(key="j40", life=5.0),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j40",)),
                Wait(at=1.0, name="wait2", job="j40", timeout=20.0),
            ),
        ),
    ),
    Known(
        pattern="3 nothing lost: ConfigurationError with may_resubmit, told of a paid job",
        why="A call that begins while the pool closes does not look whether its job is paid.",
        script=Script(
            salt=2,
            in_flight=1,
            wishes=(
                Wish(key="j2"),
                Wish(key="j7"),
                Wish(key="j8", life=120.0),
                Wish(key="j9"),
                Wish(key="j13", life=120.0),
                Wish(key="j18"),
            ),
            steps=(
                Run(at=81.0, name="retry11", jobs=("j13", "j7", "j2", "j8", "j18", "j9")),
                Run(at=389.0, name="retry1", jobs=("j7", "j18", "j2")),
                Run(at=389.0, name="retry10", jobs=("j18", "j2", "j8")),
                Submit(at=549.64, name="submit0", job="j2"),
                ClosePool(at=549.64),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though it fits",
        why="A job of unknown price waits for the learner of its class. If nobody waits for that one, it is refused"
        " after a moment, although a second learner would be allowed.",
        script=Script(
            budget=300.0,
            says_price=False,
            wishes=(Wish(key="j1"), Wish(key="j9")),
            steps=(Run(at=0.0, name="run0", jobs=("j1",)), Submit(at=0.0, name="submit0", job="j9")),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though credits may come free",
        why="Credits held for a task of an earlier process come free only when somebody waits for that task.",
        script=Script(
            journal="file",
            budget=10.0,
            wishes=(Wish(key="j4"), Wish(key="j7")),
            steps=(
                Run(at=0.0, name="run0", jobs=("j7",)),
                Crash(at=2.0),
                Run(at=310.0, name="rerun", jobs=("j4",)),
            ),
        ),
    ),
    Known(
        pattern="5 told once: JobEnded more than once",
        why="A job whose doubt is being sent again has no task id yet; who waits for its task by the id has no job, and"
        " both ends are told.",
        script=Script(
            resubmit="same_key",
            in_flight=1,
            wishes=(
                Wish(key="j0", sends=("503_code_paid", "422")),
                Wish(key="j3"),
                Wish(key="j4", life=120.0),
            ),
            steps=(
                Generate(at=14.0, name="generate0", job="j0"),
                Run(at=150.0, name="retry1", jobs=("j3", "j4", "j0")),
                Wait(at=275.0, name="wait2", job="j0"),
            ),
        ),
    ),
    Known(
        pattern="1 one outcome: no outcome, and the stream ended because the pool was closed",
        why="A pool closed its runs one after the other, and a run could end by itself meanwhile, its outcomes lost.",
        script=Script(
            in_flight=4,
            wishes=tuple(Wish(key=key) for key in ("j2", "j4", "j8", "j9", "j10")),
            steps=(
                Run(at=0.0, name="run0", jobs=("j4", "j8", "j2", "j10")),
                Run(at=1.0, name="run2", jobs=("j9",)),
                ClosePool(at=5.0),
            ),
        ),
    ),
    Known(
        pattern="1 one outcome: a deadline passed without a last poll",
        why="A task whose key is not known was asked of no other key when the first had no credits.",
        script=Script(
            sessions=3,
            wishes=(Wish(key="j0"), Wish(key="j1")),
            steps=(
                Run(at=0.0, name="run0", jobs=("j1",)),
                Generate(at=0.0, name="generate0", job="j0"),
                Watch(at=505.0, name="watch3", job="j0"),
                Revoke(at=505.0, session=0, seconds=400.0, reply="402"),
                Wait(at=615.0, name="wait0", job="j1", timeout=20.0),
            ),
        ),
    ),
    Known(
        pattern="10 outages bounded: one key's refusal fails a job that another key may buy",
        why="Past patience, jobs were told of the key that was refused, and not of the outage that held the other.",
        script=Script(
            sessions=2,
            wishes=(Wish(key="j0", sends=("499_paid",)), Wish(key="j1"), Wish(key="j4")),
            steps=(
                Revoke(at=0.0, session=0, seconds=400.0),
                Submit(at=60.0, name="submit0", job="j0"),
                Outage(at=164.0, seconds=200.0, reply="undelivered", reads=True),
                Run(at=310.0, name="rerun", jobs=("j1", "j4")),
            ),
        ),
    ),
    Known(
        pattern="7 nothing left: a task is left after closing",
        why="An end that a watch had seen was still being written when the journal was closed.",
        script=Script(
            salt=632745,
            slow_disk=True,
            wishes=(Wish(key="j0"),),
            steps=(
                Run(at=0.0, name="run1", jobs=("j0",), timeout=1.0),
                Watch(at=31.0, name="watch2", job="j0"),
                ClosePool(at=33.0),
            ),
        ),
    ),
    Known(
        pattern="3 nothing lost: ConfigurationError with may_resubmit, told of a paid job",
        why="A run that was drained told a job as withdrawn in the moment in which another call began to send it.",
        script=Script(
            wishes=(Wish(key="j0", sends=("404_page",)),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Submit(at=0.23, name="submit0", job="j0"),
                Drain(at=0.23, run="run0"),
            ),
        ),
    ),
    Known(
        pattern="3 nothing lost: AuthenticationError with may_resubmit, told of a paid job",
        why="A journal in memory forgot a job whose end was not taken yet, when another run had failed to watch it.",
        script=Script(
            salt=5,
            submits=2,
            wishes=(
                Wish(key="j0", sends=("429_400",)),
                Wish(key="j4"),
                Wish(key="j5"),
                Wish(key="j6", sends=("409",)),
                Wish(key="j7"),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j7", "j6", "j0", "j5", "j4"), pause=30.0),
                Revoke(at=38.0, session=0, seconds=400.0),
                Run(at=42.0, name="run1", jobs=("j7",)),
                Run(at=97.0, name="run2", jobs=("j7",)),
            ),
        ),
    ),
)

REBUYS = (
    Known(
        pattern="2 paid once: a job bought twice, journal in memory",
        why="Of two buyers, `generate` learned that the other one had bought anew, asked for the job once more, and a"
        " journal in memory had forgotten it by then.",
        script=Script(
            salt=5,
            slow_disk=True,
            rebuy=1,
            calls=True,
            wishes=(Wish(key="j0", life=0.5, passing=1), Wish(key="j4")),
            steps=(Run(at=0.0, name="run0", jobs=("j0", "j4")), Generate(at=0.0, name="generate1", job="j0")),
        ),
    ),
    Known(
        pattern="2 paid once: a job bought anew too often",
        why="The doubt of a purchase that replaced a failed one did not say so after a restart: the limit began anew.",
        script=Script(
            journal="file",
            resubmit="same_key",
            rebuy=1,
            wishes=(Wish(key="j1", passing=3),),
            steps=(Run(at=0.0, name="run0", jobs=("j1",)), Outage(at=67.0, seconds=200.0, reply="502_page")),
        ),
    ),
)

CALLBACKS = (
    Known(
        pattern="2 paid once: a job bought twice, journal in memory",
        why="A journal in memory forgot a job whose outcome one buyer had taken, while another waited to buy it anew.",
        script=Script(
            salt=5,
            slow_disk=True,
            rebuy=2,
            submits=8,
            wishes=(
                Wish(key="j7", life=120.0),
                Wish(key="j9", life=120.0),
                Wish(key="j10", passing=2),
                Wish(key="j11", life=5.0, passing=1),
                Wish(key="j18", life=120.0, passing=2),
                Wish(key="j19", price_class=1, end="failed", passing=3),
                Wish(key="j23", price_class=1, life=5.0),
                Wish(key="j24", life=0.5, passing=1),
                Wish(key="j25", price_class=1, life=0.5, passing=3),
                Wish(key="j26", price_class=2, passing=2),
                Wish(key="j27", price_class=2, life=120.0, passing=1),
                Wish(key="j33", price_class=3, life=0.5, end="failed"),
                Wish(key="j34", price_class=2, life=0.5),
                Wish(key="j35", price_class=3, life=5.0, passing=1),
            ),
            steps=(
                Run(
                    at=0.0,
                    name="run0",
                    jobs=(
                        "j19",
                        "j10",
                        "j35",
                        "j26",
                        "j7",
                        "j25",
                        "j23",
                        "j27",
                        "j18",
                        "j34",
                        "j9",
                        "j33",
                        "j11",
                        "j24",
                    ),
                    timeout=1.0,
                ),
                Run(
                    at=10.64,
                    name="retry0",
                    jobs=(
                        "j7",
                        "j9",
                        "j10",
                        "j11",
                        "j18",
                        "j19",
                        "j23",
                        "j24",
                        "j25",
                        "j26",
                        "j27",
                        "j33",
                        "j34",
                        "j35",
                    ),
                ),
                Run(
                    at=10.64,
                    name="retry1",
                    jobs=(
                        "j7",
                        "j9",
                        "j10",
                        "j11",
                        "j18",
                        "j19",
                        "j23",
                        "j24",
                        "j25",
                        "j26",
                        "j27",
                        "j33",
                        "j34",
                        "j35",
                    ),
                ),
            ),
        ),
    ),
    Known(
        pattern="3 nothing lost: AccessDeniedError with may_resubmit, told of a paid job, answered by 302_paid",
        why="The read for a doubt ended its job, which a person had settled meanwhile; the memory journal forgot it.",
        script=Script(
            salt=329576,
            slow_disk=True,
            budget=300.0,
            calls=True,
            wishes=(
                Wish(key="j0"),
                Wish(key="j1"),
                Wish(key="j2", sends=("302_paid",), life=0.5),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j2", "j1", "j0")),
                Settle(at=1.71, job="j2"),
                Revoke(at=4.0, session=0, seconds=20.0, reply="403_key"),
                Run(at=15.0, name="retry0", jobs=("j2",)),
            ),
        ),
    ),
    Known(
        pattern="8 every call ends: run never ends, with a budget",
        why="A doubt was settled with the failed task of another job, and that failure was no end for anybody.",
        script=Script(
            salt=606487,
            budget=100.0,
            rebuy=1,
            in_flight=1,
            calls=True,
            calls_lost=0.3,
            observer_calls_back=True,
            wishes=(
                Wish(key="j1", sends=("503_upstream_paid",)),
                Wish(key="j3", life=0.5, passing=3),
                Wish(key="j4", passing=1),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j1", "j3")),
                Poll(at=2.0, name="poll2", job="j1", times=8),
                Run(at=5.0, name="run2", jobs=("j4", "j1")),
                Reprice(at=8.82, price_class=0, price=200.0),
                CallBack(at=64.2, job="j1", names="j3"),
            ),
        ),
    ),
    Known(
        pattern="7 nothing left: stats().in_flight is not 0",
        why="The law waited too short for the polls of a task whose callback is missing; the pool was right.",
        script=Script(
            salt=3,
            calls=True,
            calls_lost=1.0,
            wishes=(Wish(key="j0"),),
            steps=(
                Run(at=24.0, name="retry1", jobs=("j0",)),
                Follow(at=24.0, name="follow0"),
                Forget(at=46.0, job="j0"),
            ),
        ),
    ),
    Known(
        pattern="13 all outcomes: completed is never told",
        why="A stream of all outcomes that was cancelled while it was left stayed open, and no other could be opened.",
        script=Script(
            salt=6,
            slow_disk=True,
            rebuy=1,
            in_flight=4,
            wishes=(
                Wish(key="j0", life=120.0),
                Wish(key="j1", passing=3),
                Wish(key="j2", passing=1),
                Wish(key="j3", passing=3),
                Wish(key="j4", passing=1),
                Wish(key="j5", passing=3),
                Wish(key="j6", passing=1),
                Wish(key="j7", life=120.0, passing=1),
            ),
            steps=(
                Run(at=4.0, name="retry3", jobs=("j2", "j0", "j6", "j5", "j3", "j1", "j7", "j4")),
                Follow(at=67.0, name="follow0", leave_after=8),
            ),
        ),
    ),
    Known(
        pattern="13 all outcomes: failed is told again",
        why="While a pool closed, its stream of all outcomes handed some out and marked none as told.",
        script=Script(
            rebuy=2,
            calls=True,
            wishes=(Wish(key="j0"), Wish(key="j2", passing=2)),
            steps=(
                Generate(at=0.0, name="generate1", job="j0"),
                Follow(at=20.0, name="follow2", leave_after=3),
                Run(at=170.0, name="retry1", jobs=("j0", "j2")),
                ClosePool(at=354.0),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: many jobs of a price that the vendor does not name",
        why="Who read a job from the journal just before its end made the budget wait for that end once more.",
        script=Script(
            salt=2,
            slow_disk=True,
            budget=100.0,
            in_flight=2,
            says_price=False,
            used=None,
            observer_calls_back=True,
            wishes=(Wish(key="j0"),),
            steps=(
                Reprice(at=28.0, price_class=0, price=200.0),
                Generate(at=29.0, name="generate0", job="j0"),
                Generate(at=48.0, name="generate2", job="j0"),
                Poll(at=48.0, name="poll1", job="j0"),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: many jobs of a price that the vendor does not name",
        why="A learner that the pool before had left accepted did not count among the three of its class.",
        script=Script(
            budget=100.0,
            in_flight=2,
            says_price=False,
            used=None,
            wishes=(Wish(key="j0"),),
            steps=(
                Generate(at=19.0, name="generate3", job="j0"),
                ClosePool(at=24.0),
                Reprice(at=28.0, price_class=0, price=200.0),
            ),
        ),
    ),
)

STRAITS = (
    Known(
        pattern="4 within budget: less is held than jobs cost",
        why="A run that buys anew saw the failure of a task late, when its job was told, forgotten, and bought again by"
        " another run: it freed the credits that were held for the new task, whose price was never counted.",
        script=Script(
            salt=7,
            slow_disk=True,
            budget=300.0,
            rebuy=1,
            in_flight=4,
            wishes=(
                Wish(key="j0", sends=("413_page",), passing=1),
                Wish(key="j3"),
                Wish(key="j5"),
                Wish(key="j6", sends=("422",)),
                Wish(key="j7"),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j3", "j7", "j6", "j5", "j0"), gap=5.0),
                Generate(at=0.0, name="generate1", job="j7"),
                Generate(at=25.0, name="generate3", job="j0"),
                Drain(at=40.0, run="run0"),
                Run(at=39.85, name="retry0", jobs=("j3", "j6", "j0", "j7", "j5")),
                Wait(at=48.91, name="wait0", job="j5"),
                Run(at=58.91, name="retry5", jobs=("j0", "j3", "j5", "j6", "j7")),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: many jobs of a price that lost replies do not name",
        why="A learner that the pool before had left accepted no longer counted among the three of its class as soon as"
        " somebody waited for its end, which may name no price either.",
        script=Script(
            salt=1,
            journal="file",
            budget=100.0,
            in_flight=2,
            says_price=False,
            used=None,
            wishes=(Wish(key="j0", sends=("502_paid",)), Wish(key="j1")),
            steps=(
                Submit(at=65.0, name="submit1", job="j0"),
                Submit(at=65.0, name="submit3", job="j1"),
                Reprice(at=282.0, price_class=0, price=200.0),
            ),
        ),
    ),
)

RARE = (
    Known(
        pattern="2 paid once: a job bought anew too often",
        why="Of two runs that buy a job anew, one followed an older answer of the journal: its earlier tasks took the"
        " place of those that the pool knew, so that one more was bought.",
        script=Script(
            salt=7,
            journal="file",
            slow_disk=True,
            resubmit="same_key",
            rebuy=2,
            in_flight=2,
            batch=False,
            wishes=(
                Wish(key="j26", sends=("200_page_paid",), passing=3),
                Wish(key="j27", sends=("502_page",), passing=3),
                Wish(key="j28", passing=3),
                Wish(key="j30", passing=2),
                Wish(key="j31", life=120.0, passing=3),
                Wish(key="j32", sends=("503_page",), life=120.0, passing=3),
            ),
            steps=(
                Run(at=0.0, name="retry0", jobs=("j32", "j30", "j26", "j28", "j27", "j31")),
                Run(at=28.0, name="retry3", jobs=("j26", "j27", "j28", "j30", "j31")),
            ),
        ),
    ),
    Known(
        pattern="6 no unwanted POST: a POST without an owner, after drain",
        why="A run was drained while a job that it buys anew was looked up in the journal: the job was sent all the"
        " same.",
        script=Script(
            salt=140737,
            sessions=3,
            slow_disk=True,
            rebuy=2,
            in_flight=1,
            poll_trouble=0.4,
            calls=True,
            wishes=(
                Wish(key="j2", life=5.0, passing=1),
                Wish(key="j3", sends=("429_0",), life=5.0, passing=1),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j2", "j3")),
                Drain(at=105.0, run="run0"),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: sent, though no price was named for three others of its class",
        why="The law took a job that was refused, and then was in doubt, for two purchases without a price. The pool"
        " was right.",
        script=Script(
            budget=100.0,
            wishes=(
                Wish(key="j0", sends=("400", "409")),
                Wish(key="j1", sends=("502_page",)),
                Wish(key="j2", sends=("499_paid",)),
            ),
            steps=(
                Run(at=2.0, name="retry1", jobs=("j0",)),
                Run(at=14.0, name="retry4", jobs=("j0", "j1", "j2")),
            ),
        ),
    ),
    Known(
        pattern="7 nothing left: a task is left after closing",
        why="A stream of all outcomes that was left after its pool was closed made a task that had nothing to do.",
        script=Script(
            in_flight=2,
            wishes=(
                Wish(key="j0"),
                Wish(key="j1"),
                Wish(key="j2"),
                Wish(key="j3"),
                Wish(key="j4"),
                Wish(key="j5"),
            ),
            steps=(
                Follow(at=0.0, name="follow2", pause=0.5),
                Outage(at=20.0, seconds=200.0, reply="undelivered"),
                Run(at=32.0, name="retry0", jobs=("j4", "j5", "j1", "j2", "j3", "j0")),
                ClosePool(at=60.0),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though credits may come free",
        why="The law took a caller that reads slowly, and has not seen that its pool was closed, for one that waits.",
        script=Script(
            budget=10.0,
            submits=1,
            wishes=(
                Wish(key="j1"),
                Wish(key="j2"),
            ),
            steps=(
                Run(at=0.0, name="run1", jobs=("j1", "j2"), pause=30.0),
                ClosePool(at=1.0),
                Run(at=1.0, name="retry1", jobs=("j2",)),
            ),
        ),
    ),
    Known(
        pattern="10 outages bounded: one key's wait holds a job that another key may buy",
        why="The law sent a doubt to another key, which knows nothing of it; the pool was right.",
        script=Script(
            sessions=2,
            resubmit="same_key",
            wishes=(Wish(key="j5", sends=("502_paid", "429_20")),),
            steps=(Run(at=559.0, name="retry2", jobs=("j5",)),),
        ),
    ),
    Known(
        pattern="4 within budget: sent, though no price was named for three others of its class",
        why="The law took a doubt that was sent again, and whose task had failed, for a purchase without a price.",
        script=Script(
            budget=300.0,
            resubmit="same_key",
            rebuy=1,
            says_price=False,
            used=None,
            wishes=(
                Wish(key="j0"),
                Wish(key="j1"),
                Wish(key="j3", sends=("silent_paid",), passing=3),
                Wish(key="j4"),
            ),
            steps=(Run(at=108.0, name="run1", jobs=("j1", "j3", "j4", "j0")),),
        ),
    ),
    Known(
        pattern="2 paid once: a purchase sent after it was settled",
        why="A doubt that a run had taken up and that waited for its turn could be settled, and was sent all the same.",
        script=Script(
            salt=3,
            journal="file",
            resubmit="same_key",
            wishes=(Wish(key="j0", sends=("silent_paid",)), Wish(key="j1", sends=("429_20",))),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Crash(at=20.0),
                Submit(at=30.0, name="submit1", job="j1"),
                Run(at=40.0, name="run1", jobs=("j0",)),
                Settle(at=43.0, job="j0", how="resubmit"),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: less is held than jobs cost",
        why="A doubt was settled while a run sent its job again: its credits are freed when the journal has written,"
        " and by then they were those of the new purchase.",
        script=Script(
            salt=507741,
            journal="file",
            slow_disk=True,
            budget=300.0,
            wishes=(Wish(key="j1", price_class=2, sends=("408",)),),
            steps=(
                Submit(at=155.0, name="submit3", job="j1"),
                Settle(at=276.55, job="j1"),
                Run(at=276.55, name="retry1", jobs=("j1",)),
                Reprice(at=277.0, price_class=2, price=60.0),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: more than the limit",
        why="A learner that waited for another one was sent, though that one had used up the budget meanwhile.",
        script=Script(
            salt=5,
            budget=100.0,
            wishes=(
                Wish(key="j2"),
                Wish(key="j4", price_class=1),
            ),
            steps=(
                Run(at=0.0, name="run1", jobs=("j4", "j2")),
                Reprice(at=1.0, price_class=0, price=200.0),
                Reprice(at=2.0, price_class=1, price=200.0),
            ),
        ),
    ),
    Known(
        pattern="1 one outcome: withdrawn, though its call goes on",
        why="A run joined a purchase in the one turn of the loop between its end, withdrawn, and its last step.",
        script=Script(
            salt=500303,
            journal="file",
            slow_disk=True,
            wishes=(
                Wish(key="j0"),
                Wish(key="j1"),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j1", "j0")),
                Close(at=0.12, run="run0"),
                Run(at=0.12, name="retry0", jobs=("j0", "j1")),
                Follow(at=0.12, name="follow0", leave_after=1, fails=True, pause=0.5),
            ),
        ),
    ),
    Known(
        pattern="10 outages bounded: one key's wait holds a job that another key may buy",
        why="The law sent the purchase of a process that was killed to another key, which knows nothing of it.",
        script=Script(
            salt=457407,
            sessions=2,
            journal="file",
            resubmit="same_key",
            wishes=(Wish(key="j0", sends=("429_20",)),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Crash(at=5.0),
            ),
        ),
    ),
    Known(
        pattern="10 outages bounded: one key's wait holds a job that another key may buy",
        why="The law took a purchase of a later run for the one that was refused, which nobody wanted by then.",
        script=Script(
            salt=6,
            sessions=2,
            wishes=(
                Wish(key="j0", sends=("429_20",)),
                Wish(key="j18"),
            ),
            steps=(
                Run(at=870.0, name="run2", jobs=("j18", "j0"), timeout=1.0, leave_after=1),
                Run(at=905.0, name="rerun", jobs=("j0",)),
            ),
        ),
    ),
    Known(
        pattern="14 callbacks heeded: no poll follows a callback",
        why="The law did not see that a watch had told the end, to a poll that had begun before it.",
        script=Script(
            salt=5,
            rebuy=2,
            calls=True,
            calls_lost=0.3,
            observer_calls_back=True,
            wishes=(Wish(key="j0", passing=1),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",), idle=5.0),
                Watch(at=6.0, name="watch0", job="j0"),
                CallBack(at=66.0, job="j0", names="j0"),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: sent, though more than the limit is held*",
        why="A file forgot what a task had named as its price when the job was bought anew for less: after a "
        "restart, more jobs were sent at once than the highest price allows.",
        script=Script(
            journal="file",
            budget=300.0,
            rebuy=2,
            in_flight=4,
            wishes=(Wish(key="j2", passing=1),),
            steps=(
                Run(at=0.0, name="retry0", jobs=("j2",)),
                Reprice(at=0.0, price_class=0, price=200.0),
                Reprice(at=25.0, price_class=0, price=60.0),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: more than the limit*",
        why="A price that was named for a job which an earlier process had left in doubt was not learned, and "
        "what an earlier task of the job had reserved counted as the price of the next.",
        script=Script(
            journal="file",
            budget=42.5,
            resubmit="same_key",
            rebuy=2,
            wishes=(
                Wish(key="j0", price_class=3, has_file=True, passing=2),
                Wish(key="j1", price_class=3, passing=3),
                Wish(key="j3", price_class=2, passing=3),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0", "j3", "j1"), leave_after=2),
                Reprice(at=234.0, price_class=2, price=60.0),
                Outage(at=869.0, seconds=200.0, reply="503_upstream_paid"),
                Run(at=905.0, name="rerun", jobs=("j3",)),
            ),
        ),
    ),
    Known(
        pattern="10 outages bounded: one key's wait holds a job that another key may buy",
        why="The law did not know that a submit without an answer is a doubt, which goes on with the key that it began"
        " with.",
        script=Script(
            salt=437272,
            sessions=2,
            resubmit="same_key",
            wishes=(Wish(key="j3"), Wish(key="j7", sends=("429_0", "429_20"))),
            steps=(Run(at=0.0, name="run0", jobs=("j3", "j7")),),
        ),
    ),
    Known(
        pattern="4 within budget: a POST beside a learner",
        why="The law did not know that the price of a larger job with a file bounds that of a smaller one.",
        script=Script(
            salt=7,
            budget=300.0,
            wishes=(
                Wish(key="j1", price_class=1, has_file=True),
                Wish(key="j4", has_file=True),
                Wish(key="j5", has_file=True),
                Wish(key="j9"),
            ),
            steps=(Run(at=0.0, name="run0", jobs=("j1", "j9", "j4", "j5"), input_fails="error"),),
        ),
    ),
    Known(
        pattern="3 nothing lost: InvalidRequestError with may_resubmit, told of a paid job",
        why="The law did not know that a job may be bought by another call while its refusal is being told.",
        script=Script(
            salt=858931,
            wishes=(Wish(key="j0", sends=("422", "422", "400")),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Run(at=41.0, name="retry0", jobs=("j0",)),
                Generate(at=89.12, name="generate0", job="j0"),
                Submit(at=89.12, name="submit0", job="j0"),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: a POST beside a learner",
        why="A job that had its turn before the learner took one was sent beside it, once the journal had written.",
        script=Script(
            salt=47000,
            budget=300.0,
            submits=2,
            wishes=(
                Wish(key="j0"),
                Wish(key="j1", price_class=1),
                Wish(key="j3"),
                Wish(key="j4", price_class=3),
                Wish(key="j12", price_class=2),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j1", "j0", "j4")),
                Generate(at=0.0, name="generate2", job="j12"),
                Submit(at=1.0, name="strait3", job="j3"),
            ),
        ),
    ),
    Known(
        pattern="2 paid once: a job bought twice, journal in file",
        why="The laws did not know that the journal may have what a person settled in the moment of a crash.",
        script=Script(
            salt=598059,
            journal="file",
            slow_disk=True,
            wishes=(Wish(key="j0", sends=("409",), life=120.0),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Settle(at=58.0, job="j0"),
                Run(at=68.0, name="retry4", jobs=("j0",)),
                Forget(at=159.0, job="j0"),
                Settle(at=795.01, job="j0"),
                Crash(at=795.01),
                Settle(at=849.0, job="j0"),
            ),
        ),
    ),
    Known(
        pattern="14 callbacks heeded: no poll follows a callback",
        why="The law did not know that a job which two runs want takes two places of a full pool.",
        script=Script(
            in_flight=2,
            calls=True,
            wishes=(Wish(key="j0", life=120.0), Wish(key="j1")),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",)),
                Submit(at=0.0, name="strait7", job="j1"),
                Run(at=10.0, name="retry0", jobs=("j0", "j1")),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: more than the limit",
        why="The law did not know that a slow disk may hide when a class named a price below that of a larger class.",
        script=Script(
            slow_disk=True,
            budget=42.5,
            used=1.5,
            wishes=(
                Wish(key="j0", price_class=2, passing=2),
                Wish(key="strait0"),
                Wish(key="strait1"),
                Wish(key="strait2"),
            ),
            steps=(
                Generate(at=315.0, name="generate0", job="j0"),
                Run(at=753.0, name="writes", jobs=("strait0", "strait1", "strait2")),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though credits may come free",
        why="The law took a slow reader of a job that has ended for one that waits for the job's next purchase.",
        script=Script(
            salt=775282,
            budget=42.5,
            calls=True,
            calls_lost=1.0,
            wishes=(Wish(key="j0"), Wish(key="j1"), Wish(key="j2"), Wish(key="j3")),
            steps=(
                Run(at=0.0, name="run0", jobs=("j1", "j2", "j0", "j3"), pause=30.0),
                Poll(at=329.0, name="poll0", job="j1"),
                Submit(at=331.0, name="submit0", job="j1"),
                Submit(at=340.0, name="submit1", job="j0"),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: many jobs of a price that the vendor does not name",
        why="The law counted jobs for learners whose knowledge a slow disk hides, and not the one that was a learner.",
        script=Script(
            salt=136712,
            slow_disk=True,
            budget=300.0,
            resubmit="same_key",
            submits=1,
            in_flight=4,
            used=1.5,
            wishes=(
                Wish(key="j10"),
                Wish(key="j12", end="expired"),
                Wish(key="j13", life=120.0),
                Wish(key="j14", life=5.0),
                Wish(key="j24", life=5.0),
                Wish(key="j25", life=0.5),
                Wish(key="j35", sends=("403_page", "403_page", "404_page"), life=0.5),
                Wish(key="j36"),
                Wish(key="j37", life=0.5),
                Wish(key="j38", life=0.5),
                Wish(key="j42"),
            ),
            steps=(
                Outage(at=2.25, seconds=10.0, reply="500", reads=True),
                Run(
                    at=3.03,
                    name="retry2",
                    jobs=("j12", "j25", "j38", "j13", "j10", "j42", "j36", "j35", "j14", "j37", "j24"),
                ),
                Reprice(at=152.48, price_class=0, price=200.0),
                Run(
                    at=198.97,
                    name="retry0",
                    jobs=("j24", "j42", "j14", "j12", "j37", "j25", "j13", "j38", "j36", "j10", "j35"),
                ),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though it fits",
        why="The law did not know that a process may be killed between its journal entry and the first byte.",
        script=Script(
            salt=6,
            journal="file",
            budget=100.0,
            most_per_job=100.0,
            wishes=(Wish(key="j0"), Wish(key="j2")),
            steps=(Run(at=0.0, name="run0", jobs=("j0", "j2")), Crash(at=3.0)),
        ),
    ),
    Known(
        pattern="13 all outcomes: unknown is told again",
        why="The law did not know that a doubt goes on which is sent again and cut short before its first byte.",
        script=Script(
            salt=128344,
            journal="file",
            resubmit="same_key",
            wishes=(Wish(key="j3", sends=("413_page",)),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j3",)),
                Crash(at=8.0),
                Generate(at=17.0, name="generate2", job="j3"),
                Follow(at=19.0, name="follow0"),
                Generate(at=155.0, name="generate1", job="j3"),
                Cancel(at=155.06, call="generate1"),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: more than the limit",
        why="The law did not know that a later process reads the price of a task that has failed for nothing.",
        script=Script(
            journal="file",
            budget=42.5,
            in_flight=4,
            used=1.5,
            wishes=(
                Wish(key="j0", sends=("500_paid",), passing=2),
                Wish(key="j1", price_class=3, sends=("500",), passing=2),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j1",)),
                Settle(at=32.0, job="j1"),
                Run(at=42.0, name="retry7", jobs=("j0",)),
                Settle(at=228.0, job="j0"),
                Run(at=238.0, name="retry6", jobs=("j0", "j1")),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: more than the limit",
        why="The law held a job at the price of a larger class, though its own class had named a lower one since.",
        script=Script(
            budget=42.5,
            in_flight=4,
            used=1.5,
            wishes=(Wish(key="j0", price_class=1, passing=2),),
            steps=(Run(at=238.0, name="retry6", jobs=("j0",)),),
        ),
    ),
    Known(
        pattern="4 within budget: many jobs of a price that lost replies do not name",
        why="The law did not take what an ended task had reserved for a price, where the vendor names no charge.",
        script=Script(
            budget=42.5,
            in_flight=4,
            used=None,
            calls=True,
            wishes=(Wish(key="j1", sends=("502_paid",)),),
            steps=(
                Submit(at=2.0, name="strait3", job="j1"),
                Reprice(at=69.0, price_class=0, price=200.0),
                Run(at=78.0, name="run2", jobs=("j1",)),
            ),
        ),
    ),
    Known(
        pattern="2 paid once: a job bought twice, journal in memory",
        why="A buyer asked which tasks of a job had failed, and the journal forgot the job meanwhile, as told.",
        script=Script(
            salt=258785,
            slow_disk=True,
            resubmit="same_key",
            rebuy=1,
            submits=1,
            calls=True,
            wishes=(
                Wish(key="j0", sends=("408",), life=0.5),
                Wish(key="j3", sends=("302_page",), life=5.0),
                Wish(key="j4"),
                Wish(key="j5"),
            ),
            steps=(
                Run(at=0.0, name="run0", jobs=("j4", "j3", "j0")),
                Outage(at=3.0, seconds=10.0, reply="200_page_paid"),
                Run(at=4.0, name="retry3", jobs=("j5", "j0")),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though it fits",
        why="The law compared a charge once more when a journal told of it, and then believed what is reserved.",
        script=Script(
            salt=3,
            journal="file",
            budget=100.0,
            most_per_job=30.0,
            observer_calls_back=True,
            wishes=tuple(Wish(key=f"j{number}", life=0.5 if number == 4 else 20.0) for number in range(1, 9)),
            steps=(
                Run(at=0.0, name="run0", jobs=("j8", "j7", "j4", "j5")),
                Crash(at=17.0),
                Run(at=365.0, name="rerun", jobs=("j1", "j2", "j3", "j4", "j5", "j6", "j7", "j8")),
            ),
        ),
    ),
    Known(
        pattern="10 outages bounded: one key's wait holds a job that another key may buy",
        why="The law sent a job to another key that a process had written down before it was killed; it may be sent.",
        script=Script(
            salt=6,
            sessions=3,
            journal="file",
            resubmit="same_key",
            wishes=(Wish(key="j0", sends=("429_20",)),),
            steps=(Run(at=0.0, name="run1", jobs=("j0",)), Crash(at=1.0)),
        ),
    ),
    Known(
        pattern="1 one outcome: a deadline passed without a last poll",
        why="The law took what another call was told, before the deadline, for the end of this one.",
        script=Script(
            salt=920039,
            wishes=(Wish(key="j0"),),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0",), timeout=30.0),
                Poll(at=4.0, name="poll1", job="j0"),
                Generate(at=33.0, name="generate1", job="j0", timeout=20.0),
            ),
        ),
    ),
    Known(
        pattern="1 one outcome: a deadline passed without a last poll",
        why="The law did not know that a slow disk is read before a deadline is told, while a poll gets no answer.",
        script=Script(
            salt=197384,
            journal="file",
            slow_disk=True,
            in_flight=2,
            batch=False,
            calls=True,
            wishes=(
                Wish(key="j1", life=0.5),
                Wish(key="j4", life=0.5),
                Wish(key="j5", sends=("404_page",)),
                Wish(key="j6", life=120.0),
                Wish(key="j7"),
            ),
            steps=(Run(at=0.0, name="run0", jobs=("j6", "j7", "j5", "j1", "j4"), timeout=30.0),),
        ),
    ),
    Known(
        pattern="3 nothing lost: BudgetError with may_resubmit, told of a paid job, answered by 499_paid",
        why="The law did not know that credits come free, and another call buys, in the moment of a refusal.",
        script=Script(
            budget=90.0,
            wishes=(Wish(key="j0", sends=("429_20",)), Wish(key="j1"), Wish(key="strait1", price_class=3)),
            steps=(
                Submit(at=0.0, name="submit0", job="j0"),
                Outage(at=19.0, seconds=1000.0, reply="499_paid"),
                Submit(at=30.0, name="call strait1", job="strait1"),
                Run(at=45.88, name="run2", jobs=("j1",)),
                Submit(at=45.88, name="submit3", job="j1"),
                Settle(at=45.88, job="j0", how="resubmit"),
            ),
        ),
    ),
    Known(
        pattern="4 within budget: refused, though it fits",
        why="The law took what a failed task was charged for its price, and not what it had reserved, which is more.",
        script=Script(
            journal="file",
            budget=380.0,
            rebuy=2,
            in_flight=1,
            calls=True,
            wishes=(
                Wish(key="j1", price_class=3, sends=("302_paid",)),
                Wish(key="j3"),
                Wish(key="j5", price_class=1, sends=("503_code_paid",)),
                Wish(key="j8", price_class=2, life=5.0, passing=3),
                Wish(key="j12", price_class=3, passing=2, charged=(1,)),
                Wish(key="j14", sends=("503_code_paid",), life=5.0, passing=1, charged=(1,)),
                Wish(key="j34", price_class=1, life=5.0),
                Wish(key="j35", price_class=1, sends=("302_paid", "503_busy", "silent"), passing=1),
                Wish(
                    key="j37",
                    price_class=1,
                    sends=("503_code_paid", "500", "504_page"),
                    life=120.0,
                    passing=1,
                    charged=(1,),
                ),
                Wish(key="j47", life=120.0, passing=1, charged=(1,)),
                Wish(key="j48", price_class=3, sends=("502_page", "silent_paid", "429_400"), life=0.5, passing=1),
            ),
            steps=(
                Run(
                    at=0.0,
                    name="run0",
                    jobs=("j14", "j8", "j1", "j12", "j48", "j47", "j3", "j35", "j37", "j5", "j34"),
                ),
                Run(
                    at=154.34,
                    name="retry0",
                    jobs=("j37", "j12", "j35", "j1", "j3", "j48", "j5", "j8", "j14", "j34", "j47"),
                ),
            ),
        ),
    ),
    Known(
        pattern="3 nothing lost: a job whose task is forgotten cannot be settled",
        why="The law had a failed task settled whose job was bought anew already: nothing was left to settle.",
        script=Script(
            budget=42.5,
            rebuy=1,
            says_price=False,
            used=None,
            wishes=(Wish(key="j0", life=120.0, passing=2), Wish(key="j7"), Wish(key="j10")),
            steps=(
                Run(at=0.0, name="run0", jobs=("j0", "j7", "j10")),
                Forget(at=154.0, job="j0"),
                Follow(at=154.0, name="follow1"),
                Settle(at=748.0, job="j0"),
            ),
        ),
    ),
)

MENDED = (
    *EVIDENCE,
    *ENDS,
    *HANDOVERS,
    *OWNERS,
    *MONEY,
    *OUTAGES,
    *BRAKE,
    *CASCADES,
    *LAST_WORDS,
    *REBUYS,
    *CALLBACKS,
    *STRAITS,
    *RARE,
)
