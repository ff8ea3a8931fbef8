//! A URL with a password may stand in a file, so that neither the process list nor the environment shows it.

use crate::support::TestDatabase;
use crate::support::process::run;
use crate::support::wait::TempDir;

const PASSWORD: &str = "sesame-77ab";

/// Runs `qtask migrate status`, and returns its exit code and all of its output.
async fn status(environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = run(&["migrate", "status", "--wait", "0s"], environment).await;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("output in UTF-8");
    assert!(!text.contains(PASSWORD), "{text}");
    (output.status.code(), text)
}

#[tokio::test]
async fn the_database_may_be_named_in_a_file() {
    let database = TestDatabase::create().await;
    let directory = TempDir::new("url-file");
    let file = directory.path().join("url");
    let path = file.to_str().expect("a path in UTF-8");
    std::fs::write(&file, format!("{}\n", database.url())).expect("a file");
    let (code, text) = status(&[("DATABASE_URL_FILE", path)]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("applied 2026-01-01-000000"), "{text}");
    let arguments = ["migrate", "--database-url-file", path, "status"];
    assert!(run(&arguments, &[]).await.status.success());
}

#[tokio::test]
async fn the_broker_may_be_named_in_a_file() {
    let directory = TempDir::new("url-file");
    let file = directory.path().join("url");
    let path = file.to_str().expect("a path in UTF-8");
    let url = format!("amqp://u:{PASSWORD}@127.0.0.1:99999/v");
    std::fs::write(&file, format!("{url}\n")).expect("a file");
    let database = ("DATABASE_URL", "postgresql://localhost/none");
    for (variables, words) in [
        (
            vec![("RABBITMQ_URL_FILE", path)],
            "RABBITMQ_URL: `amqp://u:...@127.0.0.1:99999/v`",
        ),
        (
            vec![("RABBITMQ_URL_FILE", path), ("RABBITMQ_URL", &url)],
            "RABBITMQ_URL_FILE: stands beside RABBITMQ_URL",
        ),
    ] {
        let environment = [&[database], variables.as_slice()].concat();
        for command in ["serve", "work"] {
            let output = run(&[command], &environment).await;
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{text}");
            assert!(text.contains(words), "{text}");
            assert!(!text.contains(PASSWORD), "{text}");
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_and_its_text_is_not_shown() {
    let directory = TempDir::new("url-file");
    let file = directory.path().join("url");
    let path = file.to_str().expect("a path in UTF-8");
    let url = format!("postgresql://u:{PASSWORD}@127.0.0.1/d");
    std::fs::write(&file, &url).expect("a file");
    let both = [("DATABASE_URL", url.as_str()), ("DATABASE_URL_FILE", path)];
    let (code, text) = status(&both).await;
    assert_eq!(code, Some(2));
    let expected = "DATABASE_URL_FILE: stands beside DATABASE_URL: remove one of them";
    assert!(text.contains(expected), "{text}");
    for (content, expected) in [
        (
            format!("mysql://u:{PASSWORD}@h/d"),
            "does not name PostgreSQL",
        ),
        ("\n".to_owned(), "url` is empty"),
    ] {
        std::fs::write(&file, content).expect("a file");
        let (code, text) = status(&[("DATABASE_URL_FILE", path)]).await;
        assert_eq!(code, Some(2));
        assert!(text.contains(expected), "{text}");
    }
    std::fs::remove_file(&file).expect("no file");
    let (code, text) = status(&[("DATABASE_URL_FILE", path)]).await;
    assert_eq!(code, Some(2));
    assert!(text.contains("url` cannot be read: "), "{text}");
    let (_, text) = status(&[]).await;
    assert!(text.contains("DATABASE_URL: is missing"), "{text}");
}
