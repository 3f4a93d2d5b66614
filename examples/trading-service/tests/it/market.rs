use std::time::Duration;

use rstest::rstest;
use suho_testkit::{Clickhouse, Dragonfly, Weaviate, clickhouse, dragonfly, weaviate};
use tokio::time::sleep;
use trading_service::Error;
use trading_service::market::{Candle, Market};
use trading_service::quotes::Quotes;
use trading_service::similar::Similar;

/// The first second of a minute.
const NOON: u32 = 1_770_033_600;

#[rstest]
#[suho_testkit::test]
async fn trades_of_a_minute_are_one_candle(#[future(awt)] clickhouse: Clickhouse) -> Result<(), Error> {
    let market = Market::new(clickhouse.client().await);
    let prices = ["100.5", "102", "99.25", "101"];
    for (second, number, price) in [
        (0, 1, prices[0]),
        (20, 2, prices[1]),
        (40, 3, prices[2]),
        (59, 4, prices[3]),
    ] {
        market.trade("SUHO", NOON + second, number, price.parse()?).await?;
    }

    let candle = market.last_candle("SUHO").await?;

    let expected = Candle {
        open: "100.5".to_owned(),
        high: "102".to_owned(),
        low: "99.25".to_owned(),
        close: "101".to_owned(),
        trades: 4,
    };
    assert_eq!(candle, Some(expected));
    assert_eq!(market.last_candle("OTHER").await?, None);
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn a_quote_is_forgotten_when_nobody_renews_it(#[future(awt)] dragonfly: Dragonfly) -> Result<(), Error> {
    let quotes = Quotes::new(dragonfly.client().await, Duration::from_millis(400));
    quotes.set("SUHO", "101.25".parse()?).await?;

    let fresh = quotes.get("SUHO").await?;
    sleep(Duration::from_millis(500)).await;
    let old = quotes.get("SUHO").await?;

    assert_eq!(fresh, Some("101.25".parse()?));
    assert_eq!(old, None);
    Ok(())
}

#[rstest]
#[suho_testkit::test]
async fn the_nearest_instrument_comes_first(#[future(awt)] weaviate: Weaviate) -> Result<(), Error> {
    let (url, key, collection) = (weaviate.url()?, weaviate.api_key(), weaviate.collection("Instrument")?);
    let similar = Similar::open(&url, key, &collection).await?;
    for (symbol, vector) in [("STEEL", [0.9, 0.1]), ("IRON", [1.0, 0.0]), ("WHEAT", [0.0, 1.0])] {
        similar.add(symbol, &vector).await?;
    }

    let nearest = similar.nearest(&[1.0, 0.0], 2).await?;

    assert_eq!(nearest, ["IRON", "STEEL"]);
    Ok(())
}
