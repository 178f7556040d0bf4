//! Records of aborted transactions, through the whole pipeline.

use std::time::Duration;

use libtest_mimic::Failed;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::Outcome;
use crate::cluster::Cluster;
use crate::kafka::read_all;
use crate::lab::Use;
use crate::queries::newest_report_in;
use crate::stack::TestStack;
use crate::waiting::{LIMIT, ensure, until};
use crate::writer_lab::{FIRST_START, WriterLab, start};

const COMMITTED: i64 = 300;
const KAFKA_LIMIT: Duration = Duration::from_secs(30);

/// A producer commits 300 records and aborts 350, before and after them and in the same windows.
pub(crate) fn aborted_ones_are_not_counted() -> Outcome {
    let mut lab = Use::running()?;
    let stack = &lab.get().stack;
    let lab = WriterLab::new(stack, "transactions", "partitions = 1")?;
    lab.run(|lab| {
        lab.start()?;
        let mut spark = Cluster::lay_out("local[2]".to_owned())?;
        let outcome = count(stack, lab, &mut spark);
        spark.end(outcome)
    })
}

fn count(stack: &TestStack, lab: &WriterLab<'_>, spark: &mut Cluster) -> Outcome {
    spark.submit_job(&job_configuration(stack, spark), "512m", &[])?;
    let sender = Transactions::open(stack, lab.topic("raw.s"))?;
    sender.send(0..150, false)?;
    sender.send(0..COMMITTED, true)?;
    sender.send(100..COMMITTED, false)?;
    // Once this one is counted, so is everything before it that ever will be; the writer stores them side by side.
    sender.send(1_000_000..1_000_001, true)?;
    let last = ("sensor".to_owned(), start(100_000));
    until(LIMIT, || {
        let stored = lab.stored()?;
        let counts: Vec<i64> = stored.values().map(|(count, _)| *count).collect();
        // Ten records to a window.
        let is_exact = counts.len() == 31 && counts[..30].iter().all(|count| *count == 10);
        ensure(stored.contains_key(&last) && is_exact, || {
            format!("{} records were committed, stored are {counts:?}", COMMITTED + 1)
        })
    })?;
    until(LIMIT, || {
        let report = newest_report_in(stack, "transactions.health", "s")?;
        let books = ["records_in", "rejected", "late"].map(|counter| report[counter].as_i64());
        ensure(books == [Some(COMMITTED + 1), Some(0), Some(0)], || {
            format!("the job's books do not balance: {report}")
        })
    })?;
    lab.until_reported("that all is written", |report| report["lag"] == 0)?;
    let letters = read_all(stack, &lab.topic("dead-letters"))?.len();
    ensure(letters == 0, || format!("{letters} records were rejected"))
}

fn job_configuration(stack: &TestStack, spark: &Cluster) -> String {
    format!(
        r#"
[kafka]
bootstrap_servers = "{kafka}"
topic_prefix = "transactions."

[spark]
trigger = "0s"
checkpoint_location = "{checkpoints}"

[[stream]]
name = "s"
series = ["id"]
time = {{ field = "at", unit = "ms" }}
values = {{ v = "v" }}
windows = ["10s"]
lateness = "1h"
"#,
        kafka = stack.kafka(),
        checkpoints = spark.place("checkpoints").display(),
    )
}

/// Sends records in transactions, one of them for each second of event time.
struct Transactions {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

impl Transactions {
    fn open(stack: &TestStack, topic: String) -> Result<Self, Failed> {
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", stack.kafka())
            .set("transactional.id", "system-test")
            .create()?;
        producer.init_transactions(KAFKA_LIMIT)?;
        Ok(Self { producer, topic })
    }

    fn send(&self, seconds: std::ops::Range<i64>, commits: bool) -> Outcome {
        self.producer.begin_transaction()?;
        for second in seconds {
            let at = FIRST_START + second * 1_000;
            let value = format!(r#"{{"id":"sensor","at":{at},"v":1}}"#);
            let record: BaseRecord<'_, (), str> = BaseRecord::to(&self.topic).payload(&value);
            self.producer.send(record).map_err(|(error, _)| error)?;
        }
        // What is aborted is in the topic all the same.
        self.producer.flush(KAFKA_LIMIT)?;
        if commits {
            Ok(self.producer.commit_transaction(KAFKA_LIMIT)?)
        } else {
            Ok(self.producer.abort_transaction(KAFKA_LIMIT)?)
        }
    }
}
