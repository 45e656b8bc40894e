-- Reads the topic payments, and writes an alert to the topic fraud-alerts for each payment event to which a rule applies.
--
-- Time is the event's own (`ts`). A row is decided when the watermark passes it, so neither the order in which partitions are read
-- nor a restart changes the alerts. An event that arrives more than ten seconds of event time after a later one of its partition is ignored:
-- send events in order (`kivend ingest --sort ts`).

CREATE TABLE payments (
  event_id STRING,
  ts STRING,
  event_type STRING,
  customer_id STRING,
  session_id STRING,
  device STRING,
  utm_source STRING,
  cart_value DECIMAL(18, 2),
  -- Flink keeps event time in milliseconds; ts has nanoseconds.
  event_time AS CAST(SUBSTRING(ts, 1, 23) AS TIMESTAMP(3)),
  WATERMARK FOR event_time AS event_time - INTERVAL '10' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'payments',
  'properties.bootstrap.servers' = 'localhost:9092,localhost:9093,localhost:9094',
  'properties.group.id' = 'fraud-detection',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  -- A partition without events holds the others back no longer than this.
  'scan.watermark.idle-timeout' = '1 min',
  'format' = 'json'
);

-- Alerts travel in Kafka transactions that a checkpoint commits: after a crash, what was not committed is aborted and sent again.
CREATE TABLE alerts (
  alert_id STRING,
  alert_timestamp STRING,
  event_timestamp STRING,
  customer_id STRING,
  session_id STRING,
  event_type STRING,
  device STRING,
  utm_source STRING,
  fraud_reasons ARRAY<STRING>,
  risk_score INT,
  severity STRING,
  status STRING
) WITH (
  'connector' = 'kafka',
  'topic' = 'fraud-alerts',
  'properties.bootstrap.servers' = 'localhost:9092,localhost:9093,localhost:9094',
  'key.format' = 'raw',
  'key.fields' = 'customer_id',
  'format' = 'json',
  'value.fields-include' = 'ALL',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = 'fraud-alerts',
  -- Uses transactional ids again. The default takes a new one at each checkpoint, which brokers remember for a week.
  'sink.transaction-naming-strategy' = 'pooling',
  -- Longer than a checkpoint and a restart take; brokers permit fifteen minutes.
  'properties.transaction.timeout.ms' = '600000'
);

-- What the customer did in the ten minutes up to the event. Each window below needs a query of its own: Flink computes one per query.
CREATE TEMPORARY VIEW recent AS
SELECT *,
  SUM(CASE WHEN event_type = 'payment_failure' THEN 1 ELSE 0 END) OVER minutes AS failures,
  SUM(CASE WHEN event_type = 'payment_attempt' THEN 1 ELSE 0 END) OVER minutes AS attempts,
  COUNT(DISTINCT CASE WHEN event_type = 'payment_attempt' THEN session_id END) OVER minutes AS sessions
FROM payments
WINDOW minutes AS (PARTITION BY customer_id ORDER BY event_time RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW);

-- What the customer tried to pay in thirty days, this attempt included.
CREATE TEMPORARY VIEW with_history AS
SELECT *,
  SUM(CASE WHEN event_type = 'payment_attempt' THEN 1 ELSE 0 END) OVER days AS attempts_known,
  SUM(CASE WHEN event_type = 'payment_attempt' THEN cart_value END) OVER days AS value_known
FROM recent
WINDOW days AS (PARTITION BY customer_id ORDER BY event_time RANGE BETWEEN INTERVAL '30' DAY PRECEDING AND CURRENT ROW);

-- The same on this device.
CREATE TEMPORARY VIEW with_device AS
SELECT *,
  SUM(CASE WHEN event_type = 'payment_attempt' THEN 1 ELSE 0 END) OVER days AS attempts_on_device,
  MIN(event_time) OVER days AS device_since
FROM with_history
WINDOW days AS (PARTITION BY customer_id, device ORDER BY event_time RANGE BETWEEN INTERVAL '30' DAY PRECEDING AND CURRENT ROW);

CREATE TEMPORARY VIEW judged AS
SELECT *,
  -- The third and each further failure within ten minutes.
  event_type = 'payment_failure' AND failures >= 3 AS repeated_failures,
  -- Five attempts from three sessions within ten minutes.
  event_type = 'payment_attempt' AND attempts >= 5 AND sessions >= 3 AS many_sessions,
  -- Five times the mean of at least five earlier attempts.
  event_type = 'payment_attempt' AND attempts_known > 5
    AND cart_value * (attempts_known - 1) >= 5 * (value_known - cart_value) AS unusual_amount,
  -- A device first seen within half an hour, of a customer who tried to pay three times or more on others.
  event_type = 'payment_attempt' AND device_since > event_time - INTERVAL '30' MINUTE
    AND attempts_known - attempts_on_device >= 3 AS new_device
FROM with_device;

CREATE TEMPORARY VIEW scored AS
SELECT *,
  LEAST(100,
    CASE WHEN repeated_failures THEN 15 * CAST(failures AS INT) ELSE 0 END
    + CASE WHEN many_sessions THEN 40 ELSE 0 END
    + CASE WHEN unusual_amount THEN 50 ELSE 0 END
    + CASE WHEN new_device THEN 20 ELSE 0 END) AS risk_score
FROM judged
WHERE repeated_failures OR many_sessions OR unusual_amount OR new_device;

INSERT INTO alerts
SELECT
  -- The same event gives the same alert.
  CONCAT('alert-', event_id),
  DATE_FORMAT(CURRENT_TIMESTAMP, 'yyyy-MM-dd HH:mm:ss.SSS'),
  ts,
  customer_id,
  session_id,
  event_type,
  device,
  utm_source,
  ARRAY_REMOVE(ARRAY[
    CASE WHEN repeated_failures THEN 'repeated_failures' ELSE '' END,
    CASE WHEN many_sessions THEN 'many_sessions' ELSE '' END,
    CASE WHEN unusual_amount THEN 'unusual_amount' ELSE '' END,
    CASE WHEN new_device THEN 'new_device' ELSE '' END], ''),
  risk_score,
  CASE WHEN risk_score >= 80 THEN 'CRITICAL' WHEN risk_score >= 50 THEN 'HIGH' WHEN risk_score >= 30 THEN 'MEDIUM' ELSE 'LOW' END,
  'OPEN'
FROM scored;
