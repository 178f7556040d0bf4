//! System tests: the real Kafka, Cassandra, Spark and dashboard, started once by `freshet-dev` itself on ports of their
//! own, fed with known records, and compared with a computation that shares no code with them.
//!
//! The tests run one after the other in the order below, because most of them use the same stack. What takes minutes is
//! marked as ignored; `./freshet test system --long` includes it.

// The helpers of tests may fail like the tests themselves, and print what CI shows; clippy.toml only knows functions
// that are marked as tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod alerts;
mod benchmark;
mod broker;
mod cassandra;
mod cluster;
mod configuration;
mod dashboard;
mod deploy;
mod disk;
mod earlier;
mod earlier_tables;
mod examples;
mod expectation;
mod faults;
mod feed;
mod kafka;
mod known_records;
mod lab;
mod losses;
mod outages;
mod process;
mod producer;
mod program;
mod queries;
mod security;
mod security_broker;
mod spool;
mod stack;
mod supervision;
mod transactions;
mod waiting;
mod writer;
mod writer_lab;

// The servers that the tests of the sources have as well.
#[expect(dead_code, reason = "those tests need more of it")]
#[path = "../../../freshet-sources/tests/support/mosquitto.rs"]
mod mosquitto;
#[path = "../../../freshet-sources/tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// What every test gives back: failures are texts for people.
type Outcome = Result<(), Failed>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let conclusion = libtest_mimic::run(&arguments, trials());
    let failed = conclusion.has_failed();
    lab::clean_up(failed);
    ExitCode::from(u8::from(failed))
}

fn trials() -> Vec<Trial> {
    let first = vec![
        test("a_wrong_configuration_is_refused_before_anything_starts", configuration::is_refused),
        test("a_taken_port_is_named_with_its_owner", supervision::taken_port_is_named),
        test("known_records_become_exactly_the_expected_rows", known_records::rows_are_exact),
        test("late_records_change_nothing", known_records::late_records_change_nothing),
        test(
            "malformed_records_are_dead_letters_with_their_reason",
            known_records::dead_letters_are_exact,
        ),
        test("a_stream_is_proposed_for_a_topic", known_records::a_stream_is_proposed_for_a_topic),
        test("the_dashboard_answers_with_the_stored_rows", known_records::dashboard_shows_the_rows),
        test("a_live_point_appears_on_the_page", known_records::page_shows_a_live_point),
        test(
            "a_failed_query_is_named_and_started_again_while_the_others_go_on",
            queries::failed_query_is_started_again,
        ),
        test("the_spark_job_ends_in_order_when_told_to", queries::job_ends_in_order),
        test("rows_are_exact_after_the_spark_job_was_killed", || faults::killed("spark-job")),
        test("rows_are_exact_after_the_writer_was_killed", || faults::killed("writer")),
        test("rows_are_exact_after_kafka_was_killed", || faults::killed("kafka")),
        test("rows_are_exact_after_cassandra_was_killed", || faults::killed("cassandra")),
        test("rows_are_exact_after_the_producer_was_killed", faults::killed_producer),
    ];
    let others = vec![
        test("a_part_that_is_stopped_is_not_ready", supervision::stopped_parts_are_named),
        test(
            "windows_are_exact_on_a_cluster_after_a_worker_was_killed",
            cluster::windows_survive_a_killed_worker,
        ),
        test(
            "records_of_aborted_transactions_are_not_counted",
            transactions::aborted_ones_are_not_counted,
        ),
        test("windows_topics_that_were_made_anew_are_read", writer::topics_made_anew_are_read),
        test(
            "unread_windows_of_a_deleted_topic_are_counted",
            writer::unread_windows_of_a_deleted_topic_are_counted,
        ),
        test(
            "a_keyspace_that_was_dropped_is_made_anew_and_loses_nothing",
            writer::dropped_keyspace_is_made_anew,
        ),
        test("tables_and_messages_of_an_earlier_version_go_on", earlier::tables_and_messages_go_on),
        test("a_window_is_partial_as_its_newest_version_is", writer::partial_windows_are_marked),
        test("dead_letters_always_find_a_place", writer::dead_letters_always_find_a_place),
        test("a_store_that_does_not_answer_is_named", writer::a_silent_store_is_named),
        long("refused_dead_letters_end_the_writer", writer::refused_dead_letters_end_the_writer),
        long("rows_are_exact_after_two_minutes_without_kafka", || outages::frozen("kafka")),
        long("rows_are_exact_after_two_minutes_without_cassandra", || outages::frozen("cassandra")),
        long("rows_are_exact_after_ten_minutes_of_load", outages::soak),
        long("a_million_series_fit_into_four_gibibytes", cluster::a_million_series_fit),
        test("a_second_up_changes_nothing", supervision::second_up_changes_nothing),
        test(
            "a_killed_supervisor_leaves_no_process_and_loses_no_row",
            supervision::killed_supervisor,
        ),
        test("frozen_services_are_not_connected", dashboard::frozen_services_are_named),
        test("a_person_walks_through_the_page", dashboard::a_person_walks_through),
        test("an_open_page_comes_back_with_its_server", dashboard::an_open_page_comes_back),
        test("alerts_are_told_once_and_kept_through_a_restart", alerts::are_told_once),
        test("the_page_heals_when_its_keyspace_was_dropped", dashboard::dropped_keyspace_heals),
        test(
            "tables_of_earlier_versions_are_read_and_their_changes_noticed",
            earlier_tables::are_read_and_their_changes_noticed,
        ),
        test("down_ends_every_process", supervision::down_ends_everything),
        test("an_up_says_who_stopped_it_and_who_was_faster", supervision::interrupted_up),
        test("a_full_disk_stops_what_fills_it_and_everything_comes_back", disk::full_disk),
        test("every_example_comes_out_as_its_windows", examples::run_to_their_windows),
        test("the_benchmark_measures_both_engines", benchmark::both_engines_are_measured),
        test("the_benchmark_ends_when_told_to", benchmark::it_ends_when_told_to),
        test("the_classic_topology_gives_the_same_rows_and_ends_on_ctrl_c", supervision::zookeeper),
    ];
    first.into_iter().chain(of_the_producer()).chain(others).chain(deploy::trials()).collect()
}

fn of_the_producer() -> Vec<Trial> {
    vec![
        test(
            "lines_of_a_file_are_sent_once_though_the_producer_is_killed_seven_times",
            producer::lines_are_sent_once_through_kills,
        ),
        test("two_producers_of_one_source_send_it_once", producer::two_producers_send_once),
        test(
            "lines_are_sent_once_through_an_outage_of_kafka",
            producer::lines_are_sent_once_through_an_outage,
        ),
        test(
            "a_source_that_cannot_wait_spools_through_an_outage_of_kafka",
            spool::nothing_is_lost_through_an_outage,
        ),
        test(
            "what_was_spooled_is_sent_after_the_producer_was_killed",
            spool::nothing_is_lost_through_a_kill,
        ),
        long(
            "lines_are_sent_once_through_ten_minutes_without_kafka",
            producer::lines_are_sent_once_through_a_long_outage,
        ),
        test("records_arrive_over_sasl_ssl_with_scram", security::records_arrive),
        test("a_refused_login_is_named_and_nothing_is_sent", security::refusals_are_named),
        test("the_writer_is_let_in_over_sasl_ssl", security::writer_is_let_in),
        test(
            "memory_is_bounded_and_every_loss_is_counted_through_an_outage",
            losses::losses_are_counted_through_an_outage,
        ),
        long(
            "memory_is_bounded_and_every_loss_is_counted_through_ten_minutes_without_kafka",
            losses::losses_are_counted_through_a_long_outage,
        ),
        test(
            "memory_is_bounded_when_a_file_is_read_at_full_speed",
            losses::memory_is_bounded_at_full_speed,
        ),
        test(
            "what_a_stop_without_kafka_leaves_behind_is_counted",
            losses::what_a_stop_leaves_behind_is_counted,
        ),
        test(
            "records_beside_one_that_is_too_large_arrive",
            losses::records_beside_a_large_one_arrive,
        ),
    ]
}

fn test(name: &str, run: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    let run = || {
        // Said at once as well: the summary of failures comes only at the end of some minutes.
        run().inspect_err(|failure| println!("{}", failure.message().unwrap_or("failed")))
    };
    Trial::test(name, run)
}

fn long(name: &str, run: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    test(name, run).with_ignored_flag(true)
}
