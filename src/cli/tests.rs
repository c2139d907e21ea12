//! The command line as clap sees it.

use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_words_of_the_documentation_are_understood() {
    for line in [
        "nightbell serve",
        "nightbell demo",
        "nightbell demo --keep",
        "nightbell setup-link",
        "nightbell extension add 101 --name Anna --secret-stdin",
        "nightbell extension list --json",
        "nightbell extension show 101",
        "nightbell extension import people.csv --dry-run",
        "nightbell extension export",
        "nightbell extension remove 101",
        "nightbell push credential add apns --key AuthKey_ABC123DEFG.p8 --key-id ABC123DEFG --team-id DEF123GHIJ --bundle-id com.example.app --sandbox",
        "nightbell push credential add fcm --service-account account.json --sender-id 12345",
        "nightbell push credential list",
        "nightbell push credential check 1",
        "nightbell push credential remove 1",
        "nightbell push enable 101",
        "nightbell push disable 101",
        "nightbell push test 101",
        "nightbell registrations",
        "nightbell calls",
        "nightbell calls --number 101 --limit 5",
        "nightbell calls list",
        "nightbell calls show 12 --json",
        "nightbell doctor",
        "nightbell network check",
        "nightbell network code --json",
        "nightbell probe https://pbx.example.com --authority ca.pem",
        "nightbell healthcheck",
        "nightbell --config a.toml --data-dir /tmp/x config check",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
}

#[test]
fn an_apns_key_cannot_be_for_two_environments_at_once() {
    let line = "nightbell push credential add apns --key a.p8 --team-id T --sandbox --production";
    assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::ArgumentConflict);
}

#[test]
fn no_argument_takes_a_secret() {
    let line = "nightbell extension add 101 --secret hunter2hunter2";
    assert_eq!(parse(line).unwrap_err().kind(), ErrorKind::UnknownArgument);
}

#[test]
fn a_given_data_directory_spares_the_configuration() {
    let cli = parse("nightbell --config /nowhere.toml --data-dir /tmp/x registrations").unwrap();
    assert_eq!(cli.place.client().unwrap().socket(), std::path::Path::new("/tmp/x/admin.sock"));
}

#[test]
fn exit_codes_are_the_documented_ones() {
    for (exit, code) in [(Exit::Ok, 0), (Exit::Failure, 1), (Exit::Usage, 2), (Exit::Degraded, 3)] {
        assert_eq!(ExitCode::from(exit), ExitCode::from(code));
    }
}
