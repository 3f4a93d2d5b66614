use std::time::Duration;

use rstest::rstest;
use suho_testkit::Tenant;
use trading_service::Error;
use trading_service::book::Book;
use trading_service::intake;
use trading_service::order::{Order, Outcome};

use crate::{PATIENCE, announced, open_desk, order, trader};

#[rstest]
#[suho_testkit::test]
async fn an_order_is_booked_and_announced(#[future(awt)] trader: Tenant) -> Result<(), Error> {
    let desk = open_desk(&trader).await?;
    intake::send(&trader.nats().await?.jetstream().await?, &order("1", "10")).await?;

    let outcome = desk.deal(PATIENCE).await?;

    assert!(matches!(outcome, Some(Outcome::Booked { .. })), "{outcome:?}");
    assert_eq!(desk.book.count("desk-1").await?, 1);
    let events = announced(&trader, 1).await?;
    assert_eq!(events[0].order, order("1", "10"));
    assert_eq!(Some(&events[0].outcome), outcome.as_ref());
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn an_order_sent_twice_is_one_order(#[future(awt)] trader: Tenant) -> Result<(), Error> {
    let desk = open_desk(&trader).await?;
    let jetstream = trader.nats().await?.jetstream().await?;
    for _ in 0..2 {
        intake::send(&jetstream, &order("1", "10")).await?;
    }

    let first = desk.deal(PATIENCE).await?;
    let second = desk.deal(Duration::from_millis(200)).await?;

    assert!(matches!(first, Some(Outcome::Booked { .. })), "{first:?}");
    assert_eq!(second, None);
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn an_order_that_is_in_the_book_is_found_there(#[future(awt)] trader: Tenant) -> Result<(), Error> {
    let desk = open_desk(&trader).await?;

    let first = desk.book.enter(&order("1", "10")).await?;
    let second = desk.book.enter(&order("1", "10")).await?;

    let Outcome::Booked { id } = first else {
        panic!("{first:?}");
    };
    assert_eq!(second, Outcome::Known { id });
    assert_eq!(desk.book.count("desk-1").await?, 1);
    Ok(())
}

#[rstest]
#[case::beyond_the_limit(order("1", "100.00000001"), "100.00000001 is more than desk-1 may order")]
#[case::of_nobody(Order { account: "desk-2".to_owned(), ..order("1", "1") }, "there is no account desk-2")]
#[case::of_nothing(Order { symbol: "NONE".to_owned(), ..order("1", "1") }, "there is no instrument NONE")]
#[suho_testkit::test]
async fn an_order_that_cannot_be_is_refused_and_announced(
    #[future(awt)] trader: Tenant,
    #[case] order: Order,
    #[case] reason: &str,
) -> Result<(), Error> {
    let desk = open_desk(&trader).await?;
    intake::send(&trader.nats().await?.jetstream().await?, &order).await?;

    let outcome = desk.deal(PATIENCE).await?;

    let refused = Outcome::Refused {
        reason: reason.to_owned(),
    };
    assert_eq!(outcome.as_ref(), Some(&refused));
    assert_eq!(desk.book.count("desk-1").await?, 0);
    assert_eq!(announced(&trader, 1).await?[0].outcome, refused);
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn what_nobody_can_read_is_dropped(#[future(awt)] trader: Tenant) -> Result<(), Error> {
    let desk = open_desk(&trader).await?;
    let jetstream = trader.nats().await?.jetstream().await?;
    jetstream.publish("orders.SUHO", "no order".into()).await?.await?;
    intake::send(&jetstream, &order("1", "10")).await?;

    let unreadable = desk.deal(PATIENCE).await;
    let next = desk.deal(PATIENCE).await?;

    assert!(unreadable.is_err());
    assert!(matches!(next, Some(Outcome::Booked { .. })), "{next:?}");
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn two_traders_do_not_meet(
    #[future(awt)] trader: Tenant,
    #[from(trader)]
    #[future(awt)]
    other: Tenant,
) -> Result<(), Error> {
    let (desk, elsewhere) = (open_desk(&trader).await?, open_desk(&other).await?);
    intake::send(&trader.nats().await?.jetstream().await?, &order("1", "10")).await?;

    let theirs = elsewhere.deal(Duration::from_millis(200)).await?;
    let ours = desk.deal(PATIENCE).await?;

    assert_eq!(theirs, None);
    assert!(matches!(ours, Some(Outcome::Booked { .. })), "{ours:?}");
    assert_eq!(elsewhere.book.count("desk-1").await?, 0);
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn an_order_is_undone_by_a_snapshot(#[future(awt)] trader: Tenant) -> Result<(), Error> {
    let handle = trader.postgresql().await?;
    let book = async || Ok::<_, Error>(Book::new(handle.connect().await?));
    let before = book().await?;
    before.open_account("desk-1", "100".parse()?).await?;
    before.list("SUHO").await?;
    before.enter(&order("1", "10")).await?;
    trader.snapshot("one order").await?;
    // A copy of a database wants it alone: the session of before has ended.
    book().await?.enter(&order("2", "10")).await?;

    trader.restore("one order").await?;

    assert_eq!(book().await?.count("desk-1").await?, 1);
    Ok(())
}
