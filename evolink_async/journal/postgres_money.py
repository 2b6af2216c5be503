"""The money of a journal in PostgreSQL, as rows: what is spent and held, by all processes together.

A trigger moves the money of a job in the transaction that moves the job, whichever process and statement did that. So
both are written or neither, and an end that two processes see counts once. What a process may buy is decided by the
function `evolink_admit`, which no other runs beside; it decides as `budget.BudgetAccount` does. Nothing is counted
until a pool with a budget has opened the journal.

Locks are taken in this order: owner, number of outcomes, job, `evolink_budget`, holds.
"""

# ruff: noqa: S608  # all names in the statements are constants of this package

from __future__ import annotations

from .postgres_statements import ABOUT_MONEY, CHANNEL

# A hold with an epoch is a reservation of that owner: it is freed by the owner, or with it. Without one it follows the
# row of its job. `at_least` is what the owner's `most_per_job` holds, `named` what the service said it reserves, which
# is believed as in `budget.account`. `kept_units` are kept free for one job that others have passed over, as long as it
# goes on asking. Nobody is notified after `waited_until`.
TABLES = """
    CREATE TABLE evolink_budget (
        spent bigint NOT NULL,
        held bigint NOT NULL DEFAULT 0,
        stuck bigint NOT NULL DEFAULT 0,
        grants bigint NOT NULL DEFAULT 0,
        waited_until timestamptz NOT NULL DEFAULT '-infinity',
        kept_units bigint NOT NULL DEFAULT 0,
        kept_for text NOT NULL DEFAULT '',
        kept_until timestamptz NOT NULL DEFAULT '-infinity'
    ) WITH (fillfactor = 10);
    CREATE UNIQUE INDEX evolink_budget_once ON evolink_budget ((true));
    CREATE TABLE evolink_prices (
        shape text COLLATE "C" PRIMARY KEY,
        model text NOT NULL,
        units bigint NOT NULL,
        is_believed boolean
    );
    CREATE TABLE evolink_holds (
        key text COLLATE "C" PRIMARY KEY,
        shape text COLLATE "C" NOT NULL,
        units bigint NOT NULL,
        at_least bigint NOT NULL DEFAULT 0,
        named bigint,
        is_stuck boolean NOT NULL DEFAULT false,
        is_learner boolean NOT NULL DEFAULT false,
        epoch bigint,
        ticket bigint
    );
    CREATE INDEX evolink_holds_by_shape ON evolink_holds (shape);
    CREATE INDEX evolink_holds_unnamed ON evolink_holds (shape) WHERE named IS NULL;
    CREATE INDEX evolink_holds_by_epoch ON evolink_holds (epoch) WHERE epoch IS NOT NULL;
"""

# One for each kind of change: a trigger that sees all changed rows at once takes one kind.
SUMS = f"""
    CREATE FUNCTION evolink_add_up() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    DECLARE more bigint := 0; more_stuck bigint := 0; less bigint := 0; less_stuck bigint := 0; is_waited boolean;
    BEGIN
        IF TG_OP <> 'DELETE' THEN
            SELECT coalesce(sum(units), 0), coalesce(sum(units) FILTER (WHERE is_stuck), 0)
            INTO more, more_stuck FROM new_rows;
        END IF;
        IF TG_OP <> 'INSERT' THEN
            SELECT coalesce(sum(units), 0), coalesce(sum(units) FILTER (WHERE is_stuck), 0)
            INTO less, less_stuck FROM old_rows;
        END IF;
        IF more <> less OR more_stuck <> less_stuck THEN
            UPDATE evolink_budget SET held = held + more - less, stuck = stuck + more_stuck - less_stuck
            RETURNING waited_until > clock_timestamp() INTO is_waited;
        ELSE
            SELECT waited_until > clock_timestamp() INTO is_waited FROM evolink_budget;
        END IF;
        IF is_waited AND TG_OP <> 'INSERT' THEN
            PERFORM pg_notify({CHANNEL}, '{ABOUT_MONEY}');
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER evolink_add_up_new AFTER INSERT ON evolink_holds REFERENCING NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION evolink_add_up();
    CREATE TRIGGER evolink_add_up_changed AFTER UPDATE ON evolink_holds
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION evolink_add_up();
    CREATE TRIGGER evolink_add_up_gone AFTER DELETE ON evolink_holds REFERENCING OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION evolink_add_up();
"""

PRICES = """
    CREATE FUNCTION evolink_priced(at_least bigint, named bigint, known evolink_prices) RETURNS bigint
    LANGUAGE sql IMMUTABLE AS $$
        SELECT CASE WHEN named IS NOT NULL AND known.is_believed THEN named
            ELSE greatest(at_least, named, known.units) END
    $$;
    CREATE FUNCTION evolink_learn(the_shape text, the_model text, price bigint, is_kept boolean DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO evolink_prices AS kept VALUES (the_shape, the_model, price, is_kept)
        ON CONFLICT (shape) DO UPDATE SET
            units = greatest(kept.units, excluded.units),
            is_believed = kept.is_believed IS NOT FALSE AND coalesce(excluded.is_believed, kept.is_believed)
        WHERE excluded.units > kept.units OR (
            kept.is_believed IS NOT FALSE AND excluded.is_believed IS NOT NULL
            AND excluded.is_believed IS DISTINCT FROM kept.is_believed
        );
        IF FOUND THEN
            UPDATE evolink_holds AS hold SET units = evolink_priced(at_least, named, known) FROM evolink_prices AS known
            WHERE known.shape = the_shape AND hold.shape = the_shape
                AND hold.units <> evolink_priced(at_least, named, known);
        END IF;
    END $$;
    CREATE FUNCTION evolink_guess(the_shape text, the_model text, listed bigint) RETURNS bigint
    LANGUAGE sql STABLE AS $$
        SELECT coalesce(
            (SELECT units FROM evolink_prices WHERE shape = the_shape),
            listed,
            (SELECT max(units) FROM evolink_prices WHERE model = the_model),
            (SELECT max(units) FROM evolink_prices),
            10000
        )
    $$;
"""

# What is planned keeps a reservation, with which it may be sent again; its owner frees it. `reserved` is what was
# named until now: the end of a task may name more.
FOLLOW = """
    CREATE FUNCTION evolink_follow_job() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    DECLARE was text; reserved bigint; price bigint; highest bigint;
    BEGIN
        IF TG_OP = 'UPDATE' THEN was := OLD.state; reserved := round(OLD.credits_reserved * 10000); END IF;
        IF (NEW.state = 'planned' AND coalesce(was, 'planned') = 'planned')
            OR (NEW.state = 'submitting' AND EXISTS (SELECT FROM evolink_holds WHERE key = NEW.key))
            OR (NEW.state IN ('completed', 'downloaded') AND was IN ('completed', 'downloaded')) THEN
            RETURN NULL;
        END IF;
        PERFORM FROM evolink_budget FOR UPDATE;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        price := round(coalesce(NEW.credits_used, NEW.credits_reserved) * 10000);
        highest := round(greatest(NEW.credits_used, NEW.credits_reserved) * 10000);
        IF NEW.state IN ('failed', 'cancelled', 'abandoned') AND coalesce(NEW.credits_used, 0) = 0 THEN
            DELETE FROM evolink_holds WHERE key = NEW.key;
        ELSIF NEW.state = 'planned' THEN
            DELETE FROM evolink_holds WHERE key = NEW.key AND epoch IS NULL;
        ELSIF NEW.state IN ('completed', 'downloaded', 'failed', 'cancelled') AND price IS NOT NULL THEN
            DELETE FROM evolink_holds WHERE key = NEW.key;
            UPDATE evolink_budget SET spent = spent + price;
            PERFORM evolink_learn(NEW.shape, NEW.model, highest, price <= reserved);
        ELSE
            INSERT INTO evolink_holds (key, shape, units)
            VALUES (NEW.key, NEW.shape, evolink_guess(NEW.shape, NEW.model, NULL)) ON CONFLICT (key) DO NOTHING;
            IF NEW.state = 'accepted' AND price IS NOT NULL THEN
                PERFORM evolink_learn(NEW.shape, NEW.model, highest);
                UPDATE evolink_holds AS hold SET named = price, units = evolink_priced(at_least, price, known),
                    is_stuck = false, is_learner = false, epoch = NULL
                FROM evolink_prices AS known WHERE hold.key = NEW.key AND known.shape = NEW.shape;
            ELSIF NEW.state = 'accepted' THEN
                UPDATE evolink_holds SET is_stuck = false, epoch = NULL WHERE key = NEW.key;
            ELSIF NEW.state <> 'submitting' THEN
                UPDATE evolink_holds SET is_stuck = true, is_learner = false, epoch = NULL WHERE key = NEW.key;
            END IF;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER evolink_follow_job
        AFTER INSERT OR UPDATE OF state, credits_reserved, credits_used ON evolink_jobs
        FOR EACH ROW EXECUTE FUNCTION evolink_follow_job();
"""

# The order of the questions is that of `BudgetAccount.admit`. A job whose answer was lost asks with the same ticket
# again, and gets the same one. The strictest limit of all open pools holds. `known` is how many prices the asker knows:
# only it can tell which classes are larger than others.
ADMIT = """
    CREATE FUNCTION evolink_admit(
        asker bigint, wish jsonb, OUT answer text, OUT needed bigint, OUT blocked_by text[], OUT is_vain boolean,
        OUT granted bigint, OUT all_spent bigint, OUT all_held bigint, OUT all_most bigint
    ) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    DECLARE
        the_key text := wish->>'key'; the_shape text := wish->>'shape'; the_model text := wish->>'model';
        the_ticket bigint := wish->>'ticket'; most bigint := wish->>'most'; since bigint := wish->>'since';
        sums evolink_budget; hold evolink_holds; learned bigint; ceiling bigint; room bigint; unsettled bigint;
        moment timestamptz := clock_timestamp(); is_kept boolean;
    BEGIN
        PERFORM FROM evolink_owners WHERE epoch = asker AND lease_until > moment FOR SHARE;
        IF NOT FOUND THEN answer := 'over'; RETURN; END IF;
        PERFORM FROM evolink_budget FOR UPDATE;
        -- What is left of an earlier request for this job, here or in a process that has lost it to this one.
        DELETE FROM evolink_holds AS kept WHERE key = the_key
            AND (epoch IS NULL OR (epoch = asker AND ticket <> the_ticket) OR EXISTS (
                SELECT FROM evolink_claims AS claim
                WHERE claim.key = the_key AND claim.epoch = asker AND kept.epoch <> asker
            )) AND NOT EXISTS (
                SELECT FROM evolink_jobs
                WHERE key = the_key AND state NOT IN ('planned', 'failed', 'cancelled', 'abandoned')
            );
        SELECT * INTO sums FROM evolink_budget;
        SELECT min(limit_units) INTO all_most FROM evolink_owners;
        all_spent := sums.spent; all_held := sums.held; granted := sums.grants; needed := 0;
        SELECT * INTO hold FROM evolink_holds WHERE key = the_key;
        IF hold.ticket = the_ticket AND hold.epoch = asker THEN
            answer := CASE WHEN hold.is_learner THEN 'learner' ELSE 'admitted' END; needed := hold.units; RETURN;
        END IF;
        IF hold.key IS NOT NULL OR EXISTS (SELECT FROM evolink_claims WHERE key = the_key AND epoch <> asker) THEN
            answer := 'taken'; RETURN;
        END IF;
        SELECT units INTO learned FROM evolink_prices WHERE shape = the_shape;
        IF most IS NOT NULL THEN
            ceiling := greatest(most, learned);
        ELSE
            SELECT coalesce(learned, min(units)) INTO ceiling FROM evolink_prices
            WHERE shape IN (SELECT jsonb_array_elements_text(wish->'larger'));
        END IF;
        room := all_most - sums.spent - sums.held;
        -- Nothing is kept for longer: a clock that went back would keep it from all others.
        is_kept := sums.kept_until > moment AND sums.kept_until <= moment + interval '3 s';
        IF is_kept AND sums.kept_for <> the_key THEN room := room - sums.kept_units; END IF;
        IF ceiling > most THEN
            answer := 'dear'; needed := ceiling; RETURN;
        ELSIF ceiling IS NULL THEN
            IF (wish->>'known')::bigint <> (SELECT count(*) FROM evolink_prices) THEN
                answer := 'prices'; RETURN;
            END IF;
            SELECT array_agg(key ORDER BY key) INTO blocked_by FROM evolink_holds
            WHERE shape = the_shape AND named IS NULL AND is_stuck;
            IF cardinality(blocked_by) >= 3 THEN answer := 'unpriced'; RETURN; END IF;
            IF sums.spent + sums.stuck >= all_most THEN answer := 'lacking'; RETURN; END IF;
            -- Nobody waits for the end of a job that nobody has: another one may find out the price.
            UPDATE evolink_holds AS one SET is_learner = false WHERE shape = the_shape AND named IS NULL AND is_learner
                AND NOT EXISTS (SELECT FROM evolink_claims AS claim WHERE claim.key = one.key);
            SELECT count(*) FILTER (WHERE NOT is_learner) + 3 * count(*) FILTER (WHERE is_learner) INTO unsettled
            FROM evolink_holds WHERE shape = the_shape AND named IS NULL;
            IF room > 0 AND unsettled < 3 THEN
                answer := 'learner'; needed := evolink_guess(the_shape, the_model, (wish->>'listed')::bigint);
            END IF;
        ELSIF ceiling <= room THEN
            answer := 'admitted'; needed := ceiling;
        ELSIF ceiling > all_most - sums.spent - sums.stuck THEN
            answer := 'lacking'; needed := ceiling; RETURN;
        ELSE
            needed := ceiling;
        END IF;
        IF answer IS NOT NULL THEN
            INSERT INTO evolink_holds (key, shape, units, at_least, is_learner, epoch, ticket)
            VALUES (the_key, the_shape, needed, coalesce(most, 0), answer = 'learner', asker, the_ticket);
            all_held := sums.held + needed;
            UPDATE evolink_budget SET grants = grants + 1,
                kept_until = CASE WHEN kept_for = the_key THEN '-infinity' ELSE kept_until END;
            RETURN;
        END IF;
        answer := 'full';
        is_vain := NOT EXISTS (
            SELECT FROM evolink_holds AS one JOIN evolink_claims AS claim USING (key) WHERE NOT one.is_stuck
        );
        IF sums.grants - since >= 100 AND (NOT is_kept OR sums.kept_for = the_key) THEN
            UPDATE evolink_budget
            SET kept_units = needed, kept_for = the_key, kept_until = moment + interval '3 s';
        END IF;
        IF sums.waited_until NOT BETWEEN moment + interval '3 s' AND moment + interval '5 s' THEN
            UPDATE evolink_budget SET waited_until = moment + interval '5 s';
        END IF;
    END $$;
"""

RELEASE = """
    CREATE FUNCTION evolink_release(asker bigint, jobs text[], tickets bigint[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM evolink_budget FOR UPDATE;
        DELETE FROM evolink_holds AS hold USING unnest(jobs, tickets) AS freed (key, ticket)
        WHERE hold.key = freed.key AND hold.ticket = freed.ticket AND hold.epoch = asker
            AND NOT EXISTS (SELECT FROM evolink_jobs AS job WHERE job.key = hold.key AND job.state = 'submitting');
    END $$;
    CREATE FUNCTION evolink_release_owners(epochs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM evolink_budget FOR UPDATE;
        DELETE FROM evolink_holds AS hold WHERE epoch = ANY(epochs)
            AND NOT EXISTS (SELECT FROM evolink_jobs AS job WHERE job.key = hold.key AND job.state = 'submitting');
    END $$;
"""

MONEY = f"{TABLES}{SUMS}{PRICES}{FOLLOW}{ADMIT}{RELEASE}"
"""Makes the tables, functions and triggers."""
