//! The files that deploy Freshet, each checked by what will read it: versions, Dockerfiles, compose, Kubernetes,
//! Prometheus and Grafana. What they start is tested in the system tests under `deploy::`.

mod kubernetes;
