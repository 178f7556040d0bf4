//! Consume, write, commit.
//!
//! One task receives messages and collects them in a [`Plan`]; every [`FLUSH_INTERVAL`], or sooner
//! when many rows wait, the plan becomes jobs, of which at most [`MAX_IN_FLIGHT`] run at a time. A
//! job ends only when its rows are in Cassandra (or in the dead letters) and gives back the
//! receipts of its messages, which is what makes offsets storable.
//!
//! Every few seconds the cluster is looked at past the consumer ([`Watch`]): a topic that was made anew is read from
//! its beginning, and a consumer that does not get on is replaced.
//!
//! When Cassandra is away, jobs keep trying and messages pile up. At [`HIGH_WATER`] the partitions
//! are paused: the consumer is still polled and so stays in its group, but nothing more comes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freshet_core::config::Config;
use freshet_core::stopping::WRITER_DRAIN;
use freshet_core::wire::ErrorKind;
use freshet_runtime::log_limit::LogLimit;
use freshet_runtime::{Health, Shutdown};
use freshet_service::brokers::Brokers;
use rdkafka::Offset;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use thiserror::Error;
use tokio::task::{JoinError, JoinSet};

use crate::consumer::{self, Context, WindowsConsumer};
use crate::dead_letters::Refused;
use crate::job::{Done, Job, Outputs};
use crate::offsets::{Outstanding, Receipt};
use crate::plan::{Origin, Plan, Row};
use crate::received::{Received, decode};
use crate::seen::SeenSeries;
use crate::watch::{View, Watch};

/// History is at most this much behind the windows topics, while all is well.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);

/// So many rows don't wait for the interval.
const FLUSH_ROWS: usize = 8_192;

/// More requests at a time only wait in the server instead of here.
const MAX_IN_FLIGHT: usize = 64;

/// So much may be received and not done.
const HIGH_WATER: Outstanding = Outstanding { messages: 32_768, bytes: 64 * 1024 * 1024 };

/// A failure that repeats is said this often.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);

/// How long moving to the beginning of a partition may take.
const SEEK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a writer waits that another one of its name has driven out.
const PAUSE_OF_A_FENCED_ONE: Duration = Duration::from_secs(5);

/// What asks whether Kafka answers others, and how long it waits.
const DOUBT_CLIENT_ID: &str = "freshet-cassandra-writer-doubt";
const DOUBT_TIMEOUT: Duration = Duration::from_secs(5);

/// What [`Health::wait_for`] says of Kafka, and of topics in it.
const KAFKA: &str = "kafka";
const TOPICS: &str = "topics";

/// The running writer.
pub(crate) struct Pipeline {
    config: Config,
    consumer: Arc<WindowsConsumer>,
    watch: Watch,
    outputs: Arc<Outputs>,
    health: Arc<Health>,
    plan: Plan,
    flush_at: Option<Instant>,
    seen: SeenSeries,
    /// The state of the tables that `seen` speaks of: [`Store::repaired`](crate::store::Store::repaired).
    repaired: u64,
    waiting: VecDeque<Job>,
    running: JoinSet<Result<Done, Refused>>,
    is_paused: bool,
    complaints: LogLimit,
}

/// Why the writer cannot go on. A new start may help.
#[derive(Debug, Error)]
pub(crate) enum PipelineError {
    #[error("the Kafka consumer failed for good; start the writer again")]
    Consumer(#[from] KafkaError),
    #[error(transparent)]
    DeadLetters(#[from] Refused),
}

impl Pipeline {
    /// Joins the consumer group.
    pub(crate) fn new(config: &Config, outputs: Outputs, health: Arc<Health>) -> KafkaResult<Self> {
        let consumer = consumer::subscribe(config, Context::new(&health))?;
        Ok(Self {
            config: config.clone(),
            consumer: Arc::new(consumer),
            watch: Watch::new(),
            outputs: Arc::new(outputs),
            health,
            plan: Plan::default(),
            flush_at: None,
            seen: SeenSeries::default(),
            repaired: 0,
            waiting: VecDeque::new(),
            running: JoinSet::new(),
            is_paused: false,
            complaints: LogLimit::every(COMPLAINT_INTERVAL),
        })
    }

    /// Works until the shutdown, then finishes what is under way, commits and leaves the group.
    ///
    /// Fails when the consumer is beyond help, or when Kafka refuses a dead letter; then likewise.
    pub(crate) async fn run(mut self, shutdown: &Shutdown) -> Result<(), PipelineError> {
        let outcome = self.work(shutdown).await;
        self.drain().await;
        outcome
    }

    async fn work(&mut self, shutdown: &Shutdown) -> Result<(), PipelineError> {
        loop {
            self.start_jobs();
            // Without jobs that wait: while Cassandra is the bottleneck, rows stay in the plan,
            // where a newer version still replaces an older one.
            let flush_at = self.flush_at.filter(|_| self.waiting.is_empty());
            tokio::select! {
                biased;
                () = shutdown.requested() => return Ok(()),
                Some(done) = self.running.join_next() => self.finish(done)?,
                () = sleep_until(flush_at), if flush_at.is_some() => self.flush(),
                looked = self.watch.next(&self.consumer) => match looked {
                    Ok(looked) => self.attend(looked).await?,
                    Err(error) => tracing::error!(%error, "the cluster was not looked at"),
                },
                received = self.consumer.recv() => match received {
                    Ok(message) => {
                        let received = Received::new(&message);
                        drop(message);
                        self.receive(received);
                    }
                    Err(error) if is_fenced(&error) => {
                        let complaint = self.fenced(&error);
                        // Two of one name would else drive each other out without a pause. A name that the writer has
                        // made for itself was lost to a former self, as after the loss of the group's coordinator.
                        if self.config.writer.instance_id.is_some() {
                            shutdown.sleep(PAUSE_OF_A_FENCED_ONE).await;
                        }
                        self.replace_consumer(&complaint).await?;
                    }
                    Err(error) => self.complain(error)?,
                },
            }
        }
    }

    fn start_jobs(&mut self) {
        while self.running.len() < MAX_IN_FLIGHT {
            let Some(job) = self.waiting.pop_front() else {
                return;
            };
            self.running.spawn(job.run(Arc::clone(&self.outputs)));
        }
    }

    fn receive(&mut self, received: Received) {
        let Received { origin, has_payload } = received;
        let bytes = origin.bytes();
        self.health.record_in(bytes);
        let receipt = self.consumer.context().offsets().receive(
            &origin.topic,
            origin.partition,
            origin.offset,
            bytes,
        );
        if has_payload {
            self.plan_or_reject(origin, receipt);
        } else {
            // A tombstone: Kafka forgets the window, history does not.
            self.settle([receipt]);
        }
        self.pause_when_full();
    }

    fn plan_or_reject(&mut self, origin: Origin, receipt: Receipt) {
        match decode(&origin.payload) {
            Ok((message, bucket)) => {
                self.plan.add(Row { message, bucket, origin }, receipt);
                self.flush_at.get_or_insert_with(|| Instant::now() + FLUSH_INTERVAL);
                if self.plan.rows() >= FLUSH_ROWS && self.waiting.is_empty() {
                    self.flush();
                }
            }
            Err(error) => {
                let detail = error.to_string();
                self.waiting.push_back(Job::Reject { origin, detail, receipt });
            }
        }
    }

    fn flush(&mut self) {
        self.flush_at = None;
        let now = Instant::now();
        let repaired = self.outputs.store.repaired();
        if repaired != self.repaired {
            self.seen.forget();
            self.repaired = repaired;
        }
        for mut batch in self.plan.drain() {
            if let Some(Row { message, .. }) = batch.rows.first() {
                batch.announces_series =
                    self.seen.due(message.stream(), message.series(), message.metric(), now);
            }
            self.waiting.push_back(Job::Write(batch));
        }
    }

    fn finish(&mut self, done: Result<Result<Done, Refused>, JoinError>) -> Result<(), Refused> {
        match done {
            Ok(done) => self.settle(done?.receipts),
            // Its receipts are lost, so its messages can never be committed: the process ends, and the next one reads
            // them again.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => {
                    self.health.error(ErrorKind::Job);
                    tracing::error!(%error, "a write was cut off; its windows are read again at the next start");
                }
            },
        }
        Ok(())
    }

    /// Acts on what a look at the cluster has found.
    async fn attend(&mut self, looked: KafkaResult<View>) -> KafkaResult<()> {
        let view = match looked {
            Ok(view) => view,
            Err(error) => {
                self.health.set_lag(None);
                self.health.wait_for(KAFKA, &format!("Kafka: {error}"));
                return self.doubt_consumer().await;
            }
        };
        self.watch.answered();
        self.health.no_longer_waits_for(KAFKA);
        self.say_missing_topics(&view);
        self.restart_foreign_partitions(&view);
        self.health.set_lag(self.watch.lag(&view));
        let Some(complaint) = self.watch.complaint(&view, self.is_paused, Instant::now()) else {
            return Ok(());
        };
        for (topic, partition) in view.assigned_but_gone() {
            self.count_lost(topic, *partition);
        }
        self.replace_consumer(&complaint).await
    }

    fn say_missing_topics(&self, view: &View) {
        let topics = self.config.streams.iter();
        let missing: Vec<String> = topics
            .map(|stream| self.config.kafka.windows_topic(&stream.name))
            .filter(|topic| !view.partitions.contains_key(topic))
            .collect();
        if missing.is_empty() {
            self.health.no_longer_waits_for(TOPICS);
        } else {
            let missing = missing.join(", ");
            self.health.wait_for(TOPICS, &format!("topics that do not exist: {missing}"));
        }
    }

    /// Reads topics that were made anew from their beginning. Windows that are written a second time do no harm.
    fn restart_foreign_partitions(&mut self, view: &View) {
        let foreign = self.consumer.context().ids().foreign();
        for (topic, partition) in foreign {
            self.count_lost(&topic, partition);
            if !view.has(&topic, partition) {
                continue;
            }
            let sought = tokio::task::block_in_place(|| {
                self.consumer.seek(&topic, partition, Offset::Beginning, SEEK_TIMEOUT)
            });
            if let Err(error) = sought {
                tracing::warn!(%error, topic, partition, "a topic made anew is not read yet; trying again");
                continue;
            }
            self.consumer.context().start_over(&topic, partition);
            let notice = format!("topic {topic} was made anew and is read from its beginning");
            tracing::warn!(partition, "{notice}");
            self.health.notice(&notice);
        }
    }

    /// Counts what of a partition's former topic was never received, as far as the last look at it tells.
    fn count_lost(&mut self, topic: &str, partition: i32) {
        let at = (topic.to_owned(), partition);
        let now = self.consumer.context().seen(&at);
        let lost = self.watch.take_unread(&at, &now);
        self.health.lost_offsets(lost);
        if lost > 0 {
            let notice = format!(
                "topic {topic} was deleted before {lost} windows of partition {partition} were read"
            );
            tracing::warn!("{notice}");
            self.health.notice(&notice);
        }
    }

    /// What to say of a name that the group has given to somebody else.
    fn fenced(&self, error: &KafkaError) -> String {
        match &self.config.writer.instance_id {
            Some(name) => format!(
                "{error}; if another writer is called '{name}' too, give each a writer.instance_id of its own"
            ),
            None => error.to_string(),
        }
    }

    /// Replaces a consumer that no broker has answered for long, if others are answered.
    async fn doubt_consumer(&mut self) -> KafkaResult<()> {
        if !self.watch.not_answered(Instant::now()) {
            return Ok(());
        }
        let others = Brokers::new(&self.config.kafka, DOUBT_CLIENT_ID);
        match others {
            Ok(others) if others.topics(DOUBT_TIMEOUT).await.is_ok() => {
                self.replace_consumer("Kafka answers others, but not this consumer").await
            }
            _ => Ok(()),
        }
    }

    /// A consumer that does not get on never does by itself.
    async fn replace_consumer(&mut self, complaint: &str) -> KafkaResult<()> {
        self.health.failed(ErrorKind::Assignment, complaint);
        tracing::warn!(complaint, "joining the consumer group anew");
        // One that has failed for good can't leave, and need not; one with a name comes back to its partitions.
        let has_name = self.config.writer.instance_id.is_some();
        if !has_name && self.consumer.client().fatal_error().is_none() {
            consumer::leave(&self.consumer).await;
        }
        let context = Context::clone(self.consumer.context());
        let successor = consumer::subscribe(&self.config, context)?;
        let former = std::mem::replace(&mut self.consumer, Arc::new(successor));
        // Before the successor is polled: both have the same callbacks.
        consumer::close(former).await;
        self.is_paused = false;
        Ok(())
    }

    fn settle(&mut self, receipts: impl IntoIterator<Item = Receipt>) {
        let storable = self.consumer.context().offsets().settle(receipts);
        consumer::store(&self.consumer, storable);
        self.resume_when_half_empty();
    }

    /// Pauses again at each message above the mark: partitions that are assigned in the meantime
    /// come unpaused.
    fn pause_when_full(&mut self) {
        if !self.outstanding().exceeds(HIGH_WATER) {
            return;
        }
        let paused = self.consumer.assignment().and_then(|all| self.consumer.pause(&all));
        match paused {
            Ok(()) if !self.is_paused => {
                tracing::warn!("Cassandra does not keep up; reading is paused");
            }
            Ok(()) => (),
            Err(error) => tracing::warn!(%error, "reading was not paused"),
        }
        self.is_paused = true;
    }

    fn resume_when_half_empty(&mut self) {
        if !self.is_paused || self.outstanding().exceeds(HIGH_WATER.half()) {
            return;
        }
        match self.consumer.assignment().and_then(|all| self.consumer.resume(&all)) {
            Ok(()) => {
                self.is_paused = false;
                tracing::info!("reading is resumed");
            }
            Err(error) => tracing::warn!(%error, "reading was not resumed; trying again"),
        }
    }

    fn outstanding(&self) -> Outstanding {
        self.consumer.context().offsets().outstanding()
    }

    fn complain(&self, error: KafkaError) -> KafkaResult<()> {
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            return Err(error);
        }
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::UnknownTopicOrPartition) {
            self.health.failed(ErrorKind::Consume, &error.to_string());
        }
        if let Some(held_back) = self.complaints.permit() {
            tracing::warn!(%error, held_back, "waiting for Kafka");
        }
        Ok(())
    }

    async fn drain(mut self) {
        self.flush();
        let work = self.waiting.len() + self.running.len();
        tracing::info!(requests = work, "finishing the writes under way");
        let finished = tokio::time::timeout(WRITER_DRAIN, async {
            loop {
                self.start_jobs();
                let Some(done) = self.running.join_next().await else {
                    return;
                };
                if let Err(error) = self.finish(done) {
                    tracing::warn!(%error, "a message is read again at the next start");
                }
            }
        });
        if finished.await.is_err() {
            tracing::warn!(
                messages = self.outstanding().messages,
                "Cassandra did not confirm in time; these windows are read again at the next start"
            );
        }
        self.running.abort_all();
        let committed =
            tokio::task::block_in_place(|| self.consumer.commit_consumer_state(CommitMode::Sync));
        match committed {
            // Nothing new since the last commit.
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => (),
            Err(error) => {
                tracing::warn!(%error, "offsets were not committed; some windows are written again");
            }
        }
        // One with a name that stays is waited for: nobody else is disturbed by its restart.
        if self.config.writer.instance_id.is_none() {
            consumer::leave(&self.consumer).await;
        }
        consumer::close(self.consumer).await;
    }
}

/// Whether the group holds the consumer for a former self of its own, as it may after an outage of the broker: nobody
/// else should have its name.
fn is_fenced(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::FencedInstanceId)
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
