-- The alerts that the rules of deploy/flink/fraud.sql give over the archived payments, written independently of them, for DuckDB.
create view payment as
select event_id, epoch_ms(event_ts)::bigint as at_ms, event_ts, event_type, customer_id, json ->> '$.session_id' as session_id,
  json ->> '$.device' as device, cart_value, partition
from (select *, decode(value)::json as json from read_parquet('{payments}', hive_partitioning = false));

create view expected as
with judged as (
  select event_id, event_ts, at_ms, customer_id, list_filter([
    case when event_type = 'payment_failure' and (
      select count(*) from payment other where other.customer_id = payment.customer_id and other.event_type = 'payment_failure'
        and other.at_ms between payment.at_ms - 600000 and payment.at_ms) >= 3 then 'repeated_failures' end,
    case when event_type = 'payment_attempt' and (
      select count(*) >= 5 and count(distinct other.session_id) >= 3 from payment other where other.customer_id = payment.customer_id
        and other.event_type = 'payment_attempt' and other.at_ms between payment.at_ms - 600000 and payment.at_ms) then 'many_sessions' end,
    case when event_type = 'payment_attempt' and (
      select count(*) >= 5 and payment.cart_value >= 5 * avg(other.cart_value::double) - 1e-6 from payment other
        where other.customer_id = payment.customer_id and other.event_id <> payment.event_id and other.event_type = 'payment_attempt'
        and other.at_ms between payment.at_ms - 30 * 86400000::bigint and payment.at_ms) then 'unusual_amount' end,
    case when event_type = 'payment_attempt' and (
      select count(*) from payment other where other.customer_id = payment.customer_id and other.device <> payment.device
        and other.event_type = 'payment_attempt' and other.at_ms between payment.at_ms - 30 * 86400000::bigint and payment.at_ms) >= 3
      and not exists (
        select 1 from payment other where other.customer_id = payment.customer_id and other.device = payment.device
        and other.at_ms between payment.at_ms - 30 * 86400000::bigint and payment.at_ms - 1800000) then 'new_device' end
  ], lambda reason: reason is not null) as reasons
  from payment)
select 'alert-' || event_id as alert_id, customer_id, event_ts, at_ms, reasons from judged where len(reasons) > 0;
