use suho_stack::{engines, stack::Stack};
use testcontainers_modules::{
    nats::Nats,
    testcontainers::{ImageExt, core::ExecCommand, runners::AsyncRunner},
};

use crate::warm;

#[tokio::test]
async fn two_stacks_run_side_by_side() {
    let start = || Stack::builder().engines(["nats", "kafka"]).start();
    let (first, second) = tokio::try_join!(start(), start()).unwrap();

    for stack in [&first, &second] {
        for (service, endpoint) in stack.endpoints() {
            engines::by_service(&service)
                .unwrap()
                .round_trip(&endpoint)
                .await
                .unwrap();
        }
    }
    let ports = |stack: &Stack| -> Vec<u16> {
        stack
            .endpoints()
            .values()
            .flat_map(|endpoint| endpoint.ports.values().copied().collect::<Vec<_>>())
            .collect()
    };
    assert!(ports(&first).iter().all(|port| !ports(&second).contains(port)));

    // The end of one is none of the other's business.
    first.stop().await.unwrap();
    let survivor = second.endpoint("suho-nats-server").unwrap();
    engines::by_service("suho-nats-server")
        .unwrap()
        .round_trip(survivor)
        .await
        .unwrap();
    second.stop().await.unwrap();
}

/// A container of testcontainers-modules joins the stack's network and finds the stack's engine by its service's name.
#[tokio::test]
async fn a_container_of_another_library_finds_our_engine_by_name() {
    let stack = warm::stack().await;
    let image = &stack.state().member("suho-nats-server").unwrap().image;
    let (name, tag) = image.split_once(':').unwrap();

    let neighbour = Nats::default()
        .with_name(name)
        .with_tag(tag)
        .with_cmd(["nats-server", "--port", "4222"])
        .with_network(&stack.state().network)
        .start()
        .await
        .unwrap();
    let mut answer = neighbour
        .exec(ExecCommand::new([
            "wget",
            "-qO-",
            "http://suho-nats-server:8222/healthz",
        ]))
        .await
        .unwrap();

    let health = String::from_utf8(answer.stdout_to_vec().await.unwrap()).unwrap();
    assert!(health.contains("ok"), "{health}");
    neighbour.rm().await.unwrap();
}
