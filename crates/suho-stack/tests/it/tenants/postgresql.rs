//! Tenants of `PostgreSQL`, on a server that is started to be lent and on one that others use.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all, stream};
use rstest::rstest;
use suho_stack::{
    deployment::{Deployment, Files, Variables},
    engines::{
        Endpoint, Engine, EngineError, Tenancy,
        postgresql::{Postgresql, PostgresqlTenant},
        tenancy::{Migrations, Room, TenantName},
    },
    stack::{ImageSource, Stack},
};
use tokio::{sync::Mutex, time::sleep};
use tokio_postgres::{Client, NoTls, error::SqlState};

use super::pace;

const SERVICE: &str = "suho-postgresql";
const COMPOSE: &str = "docker-compose.yml";
const TABLES: &str = "/docker-entrypoint-initdb.d/020-create-tables.sql:ro";

/// The stack of the tests that run now; the last of them takes it along.
static SHARED: Mutex<Weak<Stack>> = Mutex::const_new(Weak::new());

/// A server that is lent. It looks for databases without a scheduler every 200 ms instead of every minute.
async fn lent() -> Arc<Stack> {
    let mut shared = SHARED.lock().await;
    if let Some(stack) = shared.upgrade() {
        return stack;
    }
    let files = Files::embedded();
    let compose = files.text(COMPOSE).unwrap().to_owned();
    let mut variables = Variables::default();
    variables.generate_missing(Deployment::required_variables(&files, &[COMPOSE]).unwrap());
    let deployment = Deployment::read(&files, &[COMPOSE], &variables).unwrap();
    let mut service = deployment.service(SERVICE).unwrap().clone();
    let files = Postgresql.lend(&mut service, files).unwrap();
    let mount = "\n      - ./init-scripts/03-seal-template.sql:/docker-entrypoint-initdb.d/030-seal-template.sql:ro";
    let settings = files.text("postgresql.conf").unwrap().to_owned() + "timescaledb.bgw_launcher_poll_time = 200\n";
    let files = files
        .with(COMPOSE, compose.replace(TABLES, &format!("{TABLES}{mount}")))
        .with("postgresql.conf", settings);
    let stack = Arc::new(start(files).await);
    *shared = Arc::downgrade(&stack);
    stack
}

async fn start(files: Files) -> Stack {
    let builder = Stack::builder().engines(["postgresql"]).files(files);
    builder.images(ImageSource::Airgap).start().await.unwrap()
}

fn endpoint(stack: &Stack) -> Endpoint {
    stack.endpoint(SERVICE).unwrap().clone()
}

fn tenancy() -> Arc<dyn Tenancy> {
    Postgresql.tenancy().unwrap()
}

async fn make(endpoint: &Endpoint, migrations: &Migrations) -> (Room, PostgresqlTenant) {
    let room = tenancy()
        .make(endpoint, &TenantName::random(), migrations)
        .await
        .unwrap();
    (room.clone(), PostgresqlTenant::new(endpoint.clone(), room))
}

async fn session(
    endpoint: &Endpoint,
    user: &str,
    password: &str,
    database: &str,
) -> Result<Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config
        .host(&endpoint.host)
        .port(endpoint.ports[&5432])
        .user(user)
        .password(password)
        .dbname(database);
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn administrator(endpoint: &Endpoint, database: &str) -> Client {
    let password = endpoint.environment["POSTGRES_PASSWORD"].expose();
    session(endpoint, "suho_admin", password, database).await.unwrap()
}

async fn texts(client: &Client, query: &str) -> Vec<String> {
    let rows = client.query(query, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What the server has of a tenant.
async fn left_of(endpoint: &Endpoint, tenant: &TenantName) -> Vec<String> {
    let query = format!(
        "SELECT datname::text FROM pg_database WHERE datname LIKE '{tenant}%'
        UNION ALL SELECT rolname::text FROM pg_roles WHERE rolname LIKE '{tenant}%'
        UNION ALL SELECT 'settings' FROM pg_db_role_setting WHERE setrole::regrole::text LIKE '{tenant}%'"
    );
    texts(&administrator(endpoint, "postgres").await, &query).await
}

fn refused(answer: Result<impl Sized, tokio_postgres::Error>, statement: &str) -> SqlState {
    let Err(error) = answer else {
        panic!("it was let: {statement}");
    };
    error.code().unwrap_or_else(|| panic!("{statement}: {error}")).clone()
}

/// A session that is kept for the next removal is driven by the runtime in which it began, which may stand still by then.
#[test]
fn no_session_is_used_again_in_another_runtime() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let (tenancy, tenant) = (tenancy(), TenantName::random());
    let (_stack, endpoint) = first.block_on(async {
        let stack = lent().await;
        let endpoint = endpoint(&stack);
        tenancy.make(&endpoint, &tenant, &Migrations::new()).await.unwrap();
        (stack, endpoint)
    });

    let removed = second.block_on(async {
        let removal = tenancy.remove(&endpoint, &tenant);
        tokio::time::timeout(Duration::from_secs(30), removal).await
    });

    removed
        .expect("the session of the first runtime answers to nobody")
        .unwrap();
}

#[tokio::test]
async fn a_tenant_may_what_the_services_may_and_no_more_and_owns_what_it_makes() {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let (room, tenant) = make(&endpoint, &Migrations::new()).await;
    let client = tenant.connect().await.unwrap();

    client
        .batch_execute(
            "INSERT INTO reference.instruments (venue, symbol, asset_class, currency, tick_size, lot_size)
                VALUES ('XETR', 'SAP', 'equity', 'EUR', 0.01, 1);
            INSERT INTO market.ticks VALUES (now(), 1, 1, 100, 1, 'buy'), (now() - interval '3 days', 1, 2, 101, 1, 'sell');
            INSERT INTO trading.accounts (name, base_currency) VALUES ('tom', 'EUR')",
        )
        .await
        .unwrap();
    let trades = texts(&client, "SELECT sum(trades)::text FROM market.candles_1h").await;
    assert_eq!(trades, ["2"]);
    for statement in [
        "DELETE FROM market.ticks",
        "TRUNCATE trading.orders",
        "UPDATE infra.init_done SET done_at = now()",
    ] {
        let code = refused(client.batch_execute(statement).await, statement);
        assert_eq!(code, SqlState::INSUFFICIENT_PRIVILEGE, "{statement}");
    }

    client
        .batch_execute(
            "CREATE TABLE own (ts timestamptz NOT NULL, value float8);
            SELECT create_hypertable('own', by_range('ts', INTERVAL '1 hour'));
            INSERT INTO own SELECT now() - n * INTERVAL '1 hour', n FROM generate_series(1, 10) AS n;
            ALTER TABLE own ADD COLUMN note text;
            CREATE SCHEMA mine;
            CREATE TABLE mine.orders (id serial PRIMARY KEY);
            CREATE TABLE trading.mine (id int)",
        )
        .await
        .unwrap();
    let chunks = texts(&client, "SELECT count(*)::text FROM show_chunks('own')").await;
    assert!(chunks[0].parse::<u32>().unwrap() >= 10, "{chunks:?}");
    assert_eq!(texts(&client, "SHOW statement_timeout").await, ["30s"]);
    assert_eq!(room.not_offered, Vec::<String>::new());
    assert_eq!(texts(&client, "SELECT current_user::text").await, [tenant.user()]);
    tenancy().remove(&endpoint, &room.tenant).await.unwrap();
}

#[tokio::test]
async fn tenants_neither_see_nor_disturb_each_other() {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let none = Migrations::new();
    let ((room, one), (other_room, other)) = tokio::join!(make(&endpoint, &none), make(&endpoint, &none));
    for (attacker, victim) in [(&one, &other), (&other, &one)] {
        attack(&endpoint, attacker, victim).await;
    }
    for room in [room, other_room] {
        tenancy().remove(&endpoint, &room.tenant).await.unwrap();
    }
}

async fn attack(endpoint: &Endpoint, attacker: &PostgresqlTenant, victim: &PostgresqlTenant) {
    let name = victim.database();
    let client = attacker.connect().await.unwrap();
    let at_home = victim.connect().await.unwrap();
    at_home
        .batch_execute("CREATE TABLE IF NOT EXISTS secret AS SELECT 'the word' AS word")
        .await
        .unwrap();
    let pid: i32 = at_home.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);

    let (user, password) = (attacker.user(), attacker.password());
    for database in [name, "suho", "postgres", "template1", "suho_template"] {
        let code = refused(session(endpoint, user, password, database).await, database);
        let closed = [
            SqlState::INSUFFICIENT_PRIVILEGE,
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        ];
        assert!(closed.contains(&code), "{database}: {code:?}");
    }
    let wrong = refused(
        session(endpoint, name, password, name).await,
        "the other's name, the own password",
    );
    assert_eq!(wrong, SqlState::INVALID_PASSWORD);

    for statement in [
        format!("DROP DATABASE {name} WITH (FORCE)"),
        format!("DROP DATABASE {user}"),
        format!("ALTER DATABASE {name} RENAME TO mine"),
        format!("ALTER DATABASE {user} IS_TEMPLATE false"),
        format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
        format!("CREATE DATABASE mine TEMPLATE {name}"),
        format!("GRANT CONNECT ON DATABASE {name} TO {user}"),
        format!("SET ROLE {name}"),
        format!("SET SESSION AUTHORIZATION {name}"),
        "SET ROLE suho".to_owned(),
        "SET ROLE suho_admin".to_owned(),
        format!("ALTER ROLE {name} PASSWORD 'mine'"),
        format!("DROP ROLE {name}"),
        format!("DROP OWNED BY {name} CASCADE"),
        format!("GRANT {name} TO {user}"),
        "GRANT suho TO CURRENT_USER".to_owned(),
        "CREATE ROLE mine SUPERUSER".to_owned(),
        format!("ALTER ROLE {user} SUPERUSER"),
        format!("ALTER ROLE {user} CREATEDB"),
        format!("SELECT pg_terminate_backend({pid})"),
        format!("SELECT pg_cancel_backend({pid})"),
        "CREATE EXTENSION dblink".to_owned(),
        "CREATE EXTENSION postgres_fdw".to_owned(),
        "COPY (SELECT 1) TO PROGRAM 'true'".to_owned(),
        "SELECT pg_read_file('postgresql.auto.conf')".to_owned(),
        "SELECT rolpassword FROM pg_authid".to_owned(),
        "ALTER SYSTEM SET max_connections = 1".to_owned(),
        "SELECT _timescaledb_functions.stop_background_workers()".to_owned(),
        format!("DROP ROLE \"x'; DROP DATABASE {name}; --\""),
    ] {
        refused(client.batch_execute(&statement).await, &statement);
    }
    // What is in the catalogues of all: names, and no words.
    let query = format!("SELECT query FROM pg_stat_activity WHERE datname = '{name}' AND query LIKE '%word%'");
    assert_eq!(texts(&client, &query).await, Vec::<String>::new());
    let foreign = format!("SELECT word FROM {name}.public.secret");
    assert_eq!(
        refused(client.batch_execute(&foreign).await, &foreign),
        SqlState::FEATURE_NOT_SUPPORTED
    );

    assert_eq!(texts(&at_home, "SELECT word FROM secret").await, ["the word"]);
}

#[tokio::test]
async fn migrations_are_applied_once_however_many_ask_at_once_and_another_hash_is_another_template() {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let table = format!("orders_{:08x}", rand::random::<u32>());
    let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = count.clone();
    let first = Migrations::new()
        .script(
            "1; DROP it's \"all\".sql",
            format!(
                "CREATE TABLE {table} (id serial PRIMARY KEY, note text); INSERT INTO {table} (note) VALUES ('a;b')"
            ),
        )
        .function("seed", table.as_str(), move |way_in| {
            let counted = counted.clone();
            async move {
                counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let (client, connection) = tokio_postgres::connect(way_in.url.expose(), NoTls).await?;
                tokio::spawn(connection);
                client
                    .batch_execute("CREATE SCHEMA seeded; CREATE TABLE seeded.rows AS SELECT 7 AS a")
                    .await?;
                Ok(())
            }
        });

    let made = join_all((0..8).map(|_| make(&endpoint, &first))).await;

    let second = first
        .clone()
        .script("2.sql", "ALTER TABLE seeded.rows ADD COLUMN b int");
    let (room, tenant) = make(&endpoint, &second).await;
    let admin = administrator(&endpoint, "postgres").await;
    let templates = texts(
        &admin,
        "SELECT datname::text FROM pg_database WHERE datname LIKE 'suho_template%' ORDER BY 1",
    )
    .await;
    for migrations in [&first, &second] {
        let name = format!("suho_template_{}", migrations.hash());
        let found: Vec<_> = templates
            .iter()
            .filter(|template| template.starts_with(&name))
            .collect();
        assert_eq!(found, [&name]);
    }
    assert_eq!(
        count.load(std::sync::atomic::Ordering::SeqCst),
        2,
        "once for each template"
    );
    let client = made[0].1.connect().await.unwrap();
    client
        .batch_execute(&format!(
            "INSERT INTO {table} (note) VALUES ('mine'); INSERT INTO seeded.rows VALUES (8)"
        ))
        .await
        .unwrap();
    assert_eq!(
        texts(&client, &format!("SELECT note FROM {table} ORDER BY id")).await,
        ["a;b", "mine"]
    );
    let client = tenant.connect().await.unwrap();
    assert_eq!(
        texts(&client, "SELECT a::text FROM seeded.rows WHERE b IS NULL").await,
        ["7"]
    );
    for room in made.iter().map(|(room, _)| room).chain([&room]) {
        tenancy().remove(&endpoint, &room.tenant).await.unwrap();
    }
}

#[tokio::test]
async fn a_migration_that_fails_is_named_and_does_not_stand_in_the_way_of_its_mended_self() {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let broken = Migrations::new().script("7_broken.sql", "CREATE TABLE fine (); SELEKT 1");

    for _ in 0..2 {
        let error = tenancy()
            .make(&endpoint, &TenantName::random(), &broken)
            .await
            .unwrap_err()
            .in_full();
        assert!(
            error.contains("apply the migration 7_broken.sql") && error.contains("SELEKT"),
            "{error}"
        );
    }

    let name = format!("suho_template_{}", broken.hash());
    let admin = administrator(&endpoint, "postgres").await;
    let query = format!("SELECT datname::text FROM pg_database WHERE datname LIKE '{name}%'");
    assert_eq!(texts(&admin, &query).await, Vec::<String>::new());
}

#[rstest]
#[case("after import")]
#[case("'; DROP DATABASE suho; -- \"é\" \\")]
#[tokio::test]
async fn a_restore_brings_back_rows_and_schema_as_often_as_one_likes(#[case] label: &str) {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let (room, tenant) = make(&endpoint, &Migrations::new()).await;
    let client = tenant.connect().await.unwrap();
    let rows = "INSERT INTO market.ticks SELECT now() - n * INTERVAL '1 day', 1, n, 100, 1, 'buy' FROM generate_series(1, 5) AS n";
    client
        .batch_execute(&format!("{rows}; CREATE TABLE kept (id int)"))
        .await
        .unwrap();
    let count = "SELECT count(*)::text FROM market.ticks";

    tenancy().snapshot(&endpoint, &room, label).await.unwrap();
    for _ in 0..2 {
        let client = tenant.connect().await.unwrap();
        client
            .batch_execute(
                "INSERT INTO market.ticks VALUES (now(), 2, 9, 1, 1, 'buy'); DROP TABLE kept; CREATE TABLE later ()",
            )
            .await
            .unwrap();
        assert_eq!(texts(&client, count).await, ["6"]);

        tenancy().restore(&endpoint, &room, label).await.unwrap();

        assert!(client.batch_execute("SELECT 1").await.is_err(), "a session from before");
        let client = tenant.connect().await.unwrap();
        assert_eq!(texts(&client, count).await, ["5"]);
        let tables = texts(
            &client,
            "SELECT relname::text FROM pg_class WHERE relname IN ('kept', 'later')",
        )
        .await;
        assert_eq!(tables, ["kept"]);
    }
    let error = tenancy()
        .restore(&endpoint, &room, "never taken")
        .await
        .unwrap_err()
        .in_full();
    assert!(error.contains("never taken"), "{error}");
    tenancy().remove(&endpoint, &room.tenant).await.unwrap();
    assert_eq!(left_of(&endpoint, &room.tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_snapshot_of_the_same_label_takes_the_place_of_the_one_before() {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let (room, tenant) = make(&endpoint, &Migrations::new()).await;
    for table in ["one", "two"] {
        let client = tenant.connect().await.unwrap();
        client.batch_execute(&format!("CREATE TABLE {table} ()")).await.unwrap();
        tenancy().snapshot(&endpoint, &room, "label").await.unwrap();
    }

    tenancy().restore(&endpoint, &room, "label").await.unwrap();

    let client = tenant.connect().await.unwrap();
    client.batch_execute("SELECT FROM one, two").await.unwrap();
    let admin = administrator(&endpoint, "postgres").await;
    let query = format!(
        "SELECT datname::text FROM pg_database WHERE datname LIKE '{}_%'",
        room.tenant
    );
    assert_eq!(texts(&admin, &query).await.len(), 1);
    tenancy().remove(&endpoint, &room.tenant).await.unwrap();
}

#[tokio::test]
async fn a_removal_leaves_nothing_also_of_what_was_half_made_or_is_in_use() {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let admin = administrator(&endpoint, "postgres").await;
    let (room, tenant) = make(&endpoint, &Migrations::new()).await;
    let client = tenant.connect().await.unwrap();
    client
        .batch_execute("CREATE TABLE mine (); BEGIN; LOCK mine")
        .await
        .unwrap();
    let [role_alone, database_alone, nothing] = [(); 3].map(|()| TenantName::random());
    admin
        .batch_execute(&format!("CREATE ROLE {role_alone} LOGIN"))
        .await
        .unwrap();
    admin
        .batch_execute(&format!("GRANT CONNECT ON DATABASE postgres TO {role_alone}"))
        .await
        .unwrap();
    let clone =
        format!("CREATE DATABASE {database_alone} TEMPLATE suho_template IS_TEMPLATE true ALLOW_CONNECTIONS false");
    admin.batch_execute(&clone).await.unwrap();

    for tenant in [&room.tenant, &role_alone, &database_alone, &nothing] {
        tenancy().remove(&endpoint, tenant).await.unwrap();
        tenancy().remove(&endpoint, tenant).await.unwrap();
        assert_eq!(left_of(&endpoint, tenant).await, Vec::<String>::new(), "{tenant}");
    }
}

/// The server clones on when nobody waits for it any longer, and the removal comes while it does.
#[rstest]
#[tokio::test]
async fn what_is_cut_off_in_the_middle_is_removed_by_its_name_alone(
    #[values("CREATE DATABASE", "CREATE ROLE", "pg_advisory_lock", "DROP DATABASE")] statement: &str,
) {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let admin = administrator(&endpoint, "postgres").await;
    let tenant = TenantName::random();
    let none = Migrations::new();
    let at_it = format!(
        "SELECT query FROM pg_stat_activity WHERE query LIKE '%{statement}%{tenant}%' AND pid != pg_backend_pid()"
    );
    let reached = async { while texts(&admin, &at_it).await.is_empty() {} };
    let life = async {
        let room = tenancy().make(&endpoint, &tenant, &none).await.unwrap();
        tenancy().remove(&endpoint, &room.tenant).await.unwrap();
    };

    tokio::select! {
        () = life => {}
        () = reached => {}
    }
    tenancy().remove(&endpoint, &tenant).await.unwrap();

    sleep(Duration::from_millis(300)).await;
    assert_eq!(left_of(&endpoint, &tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_tenant_has_a_scheduler_while_it_asks_for_one() {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let (room, tenant) = make(&endpoint, &Migrations::new()).await;
    let admin = administrator(&endpoint, "postgres").await;
    let query = format!(
        "SELECT backend_type FROM pg_stat_activity WHERE datname = '{}' AND backend_type LIKE '%Scheduler'",
        tenant.database()
    );
    let schedulers = async |expected: usize| {
        for _ in 0..100 {
            if texts(&admin, &query).await.len() == expected {
                return true;
            }
            sleep(Duration::from_millis(50)).await;
        }
        false
    };

    // Five times as long as the launcher waits before it looks again.
    sleep(Duration::from_secs(1)).await;
    assert_eq!(texts(&admin, &query).await, Vec::<String>::new());
    tenant.start_jobs().await.unwrap();
    assert!(schedulers(1).await);
    tenancy().snapshot(&endpoint, &room, "with jobs").await.unwrap();
    assert!(schedulers(1).await, "a snapshot takes them up again");
    tenant.stop_jobs().await.unwrap();
    assert!(schedulers(0).await);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(texts(&admin, &query).await, Vec::<String>::new());

    tenant.start_jobs().await.unwrap();
    assert!(schedulers(1).await);
    tenancy().remove(&endpoint, &room.tenant).await.unwrap();
    assert_eq!(left_of(&endpoint, &room.tenant).await, Vec::<String>::new());
}

/// On a server that was not started to be lent, the template is a copy of a database that others use.
#[tokio::test]
async fn the_template_is_copied_once_without_sending_anybody_away() {
    let stack = start(Files::embedded()).await;
    let endpoint = endpoint(&stack);
    let password = endpoint.environment["SUHO_POSTGRESQL_PASSWORD"].expose();
    let service = session(&endpoint, "suho", password, "suho").await.unwrap();
    let admin = administrator(&endpoint, "postgres").await;

    let leaving = async {
        sleep(Duration::from_millis(1_500)).await;
        service.batch_execute("SELECT 1").await.unwrap();
        drop(service);
    };
    let none = Migrations::new();
    let (made, ()) = tokio::join!(join_all((0..8).map(|_| make(&endpoint, &none))), leaving);

    let client = made[7].1.connect().await.unwrap();
    client
        .batch_execute("INSERT INTO market.ticks VALUES (now(), 1, 1, 100, 1, 'buy')")
        .await
        .unwrap();
    let templates = "SELECT datname::text FROM pg_database WHERE datname LIKE 'suho%' ORDER BY 1";
    assert_eq!(texts(&admin, templates).await, ["suho", "suho_template"]);
    let suho = "SELECT (datallowconn AND NOT datistemplate)::text FROM pg_database WHERE datname = 'suho'";
    assert_eq!(texts(&admin, suho).await, ["true"]);
    let scheduler =
        "SELECT backend_type FROM pg_stat_activity WHERE datname = 'suho' AND backend_type LIKE '%Scheduler'";
    sleep(Duration::from_millis(500)).await;
    assert_eq!(texts(&admin, scheduler).await.len(), 1, "its jobs go on");
    stack.stop().await.unwrap();
}

fn named(endpoint: &Endpoint, user: &str, password: &str, database: &str) -> Endpoint {
    let address = endpoint.address(5432).unwrap();
    let url = format!("postgres://{user}:{password}@{address}/{database}");
    let variable = |name: &str| (name == "DATABASE_URL").then(|| url.clone());
    Postgresql.named_by(&variable).unwrap().unwrap()
}

/// The user of `DATABASE_URL` makes databases and roles, and is no superuser.
#[tokio::test]
async fn tenants_of_a_server_that_the_user_names_begin_with_his_schema() {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let admin = administrator(&endpoint, "postgres").await;
    let owner = format!("owner_{:08x}", rand::random::<u32>());
    admin
        .batch_execute(&format!("CREATE ROLE {owner} LOGIN CREATEDB CREATEROLE PASSWORD 'pw1'; GRANT CONNECT ON DATABASE postgres TO {owner}"))
        .await
        .unwrap();
    admin
        .batch_execute(&format!("CREATE DATABASE {owner} OWNER {owner} TEMPLATE template0"))
        .await
        .unwrap();
    let his = session(&endpoint, &owner, "pw1", &owner).await.unwrap();
    his.batch_execute("CREATE TABLE carts (id serial, note text); INSERT INTO carts (note) VALUES ('his')")
        .await
        .unwrap();
    drop(his);
    let named = named(&endpoint, &owner, "pw1", &owner);

    assert!(Postgresql.serving(&named).await.is_ok());
    let migrations = Migrations::new().script("1.sql", "CREATE TABLE lines (cart int)");
    let (room, tenant) = make(&named, &migrations).await;

    let client = tenant.connect().await.unwrap();
    client
        .batch_execute("INSERT INTO carts (note) VALUES ('mine'); INSERT INTO lines VALUES (1)")
        .await
        .unwrap();
    assert_eq!(
        texts(&client, "SELECT note FROM carts ORDER BY id").await,
        ["his", "mine"]
    );
    tenancy().snapshot(&named, &room, "a").await.unwrap();
    tenancy().restore(&named, &room, "a").await.unwrap();
    tenancy().remove(&named, &room.tenant).await.unwrap();
    assert_eq!(left_of(&endpoint, &room.tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_user_who_may_make_no_database_is_told_so() {
    let stack = lent().await;
    let endpoint = endpoint(&stack);
    let password = endpoint.environment["SUHO_POSTGRESQL_PASSWORD"].expose();
    let admin = administrator(&endpoint, "postgres").await;
    admin
        .batch_execute("GRANT CONNECT ON DATABASE postgres TO suho")
        .await
        .unwrap();
    let named = named(&endpoint, "suho", password, "suho");

    let error = tenancy()
        .make(&named, &TenantName::random(), &Migrations::new())
        .await
        .unwrap_err();

    assert!(matches!(error, EngineError::Failed { .. }), "{error:?}");
    let words = error.in_full();
    assert!(words.contains("permission denied"), "{words}");
}

#[tokio::test]
async fn sixteen_tenants_alone_and_sixty_four_sixteen_at_a_time() {
    many(16, 1).await;
    many(64, 16).await;
}

#[tokio::test]
#[ignore = "takes minutes, and both processors"]
async fn a_thousand_tenants_thirty_two_at_a_time() {
    many(1_000, 32).await;
}

/// Makes, uses and removes `total` tenants, `at_once` of them at a time, and prints how long each step took.
async fn many(total: usize, at_once: usize) {
    let stack = lent().await;
    let endpoint = &endpoint(&stack);
    make(endpoint, &Migrations::new()).await;
    let began = Instant::now();
    let times: Vec<[Duration; 3]> = stream::iter(0..total)
        .map(|_| async move {
            let began = Instant::now();
            let (room, tenant) = make(endpoint, &Migrations::new()).await;
            let made = began.elapsed();
            let began = Instant::now();
            let client = tenant.connect().await.unwrap();
            let tick = "INSERT INTO market.ticks VALUES (now(), 1, 1, 100, 1, 'buy')";
            assert_eq!(client.execute(tick, &[]).await.unwrap(), 1);
            let used = began.elapsed();
            let began = Instant::now();
            tenancy().remove(endpoint, &room.tenant).await.unwrap();
            [made, used, began.elapsed()]
        })
        .buffer_unordered(at_once)
        .collect()
        .await;
    println!("{total} tenants, {at_once} at a time, in {:.1?}", began.elapsed());
    pace::tell(["made", "connected and wrote", "removed"], &times);
    let left = "SELECT datname::text FROM pg_database WHERE datname ~ '^t[0-9a-f]{16}'";
    let databases = texts(&administrator(endpoint, "postgres").await, left).await;
    assert!(databases.len() <= 32, "{databases:?}");
}
