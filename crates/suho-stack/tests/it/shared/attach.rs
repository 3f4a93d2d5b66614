//! How long it takes to attach, beside a program that knows where the engines are and only connects and logs in.

use std::time::{Duration, Instant};

use suho_stack::{
    engines,
    stack::{Origin, Stack},
};

/// The middle of some durations.
fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort();
    durations[durations.len() / 2]
}

#[tokio::test]
#[ignore = "a measurement, for a machine that does nothing else"]
async fn attaching_takes_as_long_as_asking_the_engines() {
    let engines: Vec<_> = std::env::var("WARM_ENGINES")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let builder = || Stack::builder().name("attach").engines(engines.clone());
    let held = builder().shared().await.unwrap();
    let mut attach = Vec::new();
    let mut ask = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        let stack = builder().shared().await.unwrap();
        attach.push(began.elapsed());
        assert_eq!(stack.origin(), Origin::Attached);

        let began = Instant::now();
        let asked = held.state().members.iter().map(|member| async {
            let engine = engines::by_service(&member.service).unwrap();
            let began = Instant::now();
            engine.serving(&member.endpoint).await.unwrap();
            (member.service.clone(), began.elapsed())
        });
        let each = futures::future::join_all(asked).await;
        ask.push(began.elapsed());
        if ask.len() == 50 {
            println!("{each:?}");
        }
    }
    println!("attach p50 {:?}, ask p50 {:?}", median(attach), median(ask));
}
