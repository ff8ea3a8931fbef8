//! Servers between qtask and PostgreSQL that end TLS themselves.

use super::{assert_as_psql, assert_outcome, root, tls};
use crate::support::PrivatePostgres;
use crate::support::certificates::Authority;
use crate::support::postgres_tls::roles::{PASSWORD, SCRAM};
use crate::support::tls_front::{Opening, TlsFront};

fn through(front: &TlsFront, role: &str, parameters: &str) -> String {
    let port = front.port();
    format!("postgresql://{role}:{PASSWORD}@localhost:{port}/postgres?{parameters}")
}

#[tokio::test]
async fn a_password_is_bound_to_the_session_with_the_server_itself() {
    let (authority, intruder) = (Authority::new(), Authority::new());
    let node = PrivatePostgres::start_with_tls(&tls(&authority, &["localhost"])).await;
    let front = TlsFront::start(
        Opening::Postgres {
            port: node.port(),
            authority: authority.file(),
        },
        &intruder.server(&["localhost"]),
    )
    .await;
    let bound: &[&str] = &["channel binding"];
    // Nothing is verified, so that the intruder's certificate passes; the password still does not.
    for (parameters, refusal) in [
        ("sslmode=require&channel_binding=disable", &[][..]),
        ("sslmode=require", bound),
        ("sslmode=require&channel_binding=require", bound),
    ] {
        assert_as_psql(&through(&front, SCRAM, parameters), refusal).await;
    }
    let verified = format!("sslmode=verify-full&{}", root(&authority.file()));
    let unknown = "the server's certificate is not issued by a trusted authority";
    assert_as_psql(&through(&front, SCRAM, &verified), &[unknown]).await;
}

#[tokio::test]
async fn the_handshake_may_begin_at_once() {
    let authority = Authority::new();
    let node = PrivatePostgres::start().await;
    let opening = Opening::Direct { port: node.port() };
    let front = TlsFront::start(opening, &authority.server(&["localhost"])).await;
    let verified = format!("sslmode=verify-full&{}", root(&authority.file()));
    let direct = format!("{verified}&sslnegotiation=direct");
    assert_outcome(&through(&front, "postgres", &direct), &[]).await;
    // PostgreSQL below version 17, as this one, does not understand it.
    let url = format!(
        "postgresql://postgres@localhost:{}/postgres?{direct}",
        node.port()
    );
    assert_outcome(&url, &["TLS: the TLS handshake failed"]).await;
}
