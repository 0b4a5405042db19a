use phonebox_contract::{
    Client, DeliveryMethod, Event, MessageType, Notification, Request, Tenant, User,
};
use serde_json::{Value, json};

/// An event with every field of the contract, as Auth0 sends it.
fn full() -> Value {
    json!({
        "client": { "client_id": "abc", "name": "Web", "metadata": { "tier": "gold" } },
        "connection": { "id": "con_1", "name": "db", "strategy": "auth0", "metadata": { "a": "b" } },
        "custom_domain": { "domain": "login.example.com", "domain_metadata": { "region": "eu" } },
        "notification": {
            "as_text": "Your code is 492016", "as_voice": "4. 9. 2. 0. 1. 6", "code": "492016",
            "delivery_method": "voice", "from": "+18085552222", "locale": "en-US",
            "message_type": "otp_enroll", "recipient": "+18085555555"
        },
        "organization": {
            "id": "org_1", "name": "acme", "display_name": "Acme", "metadata": {}, "plan": "free"
        },
        "request": {
            "ip": "13.33.86.47", "method": "POST", "hostname": "t.example.com", "language": "en",
            "user_agent": "curl/7.64.1",
            "geoip": {
                "cityName": "Bellevue", "continentCode": "NA", "countryCode": "US",
                "countryCode3": "USA", "countryName": "United States", "latitude": 47.61793,
                "longitude": -122.19584, "subdivisionCode": "WA", "subdivisionName": "Washington",
                "timeZone": "America/Los_Angeles", "asn": 16509
            }
        },
        "tenant": {
            "id": "acme", "friendly_name": "Acme", "home_url": "https://acme.example",
            "logo_url": "https://acme.example/logo", "support_email": "help@acme.example",
            "support_url": "https://acme.example/help"
        },
        "transaction": { "correlation_id": "abcefg123" },
        "user": {
            "user_id": "auth0|1", "email": "j@example.com", "email_verified": true,
            "family_name": "Doe", "given_name": "J", "name": "J Doe", "nickname": "j",
            "picture": "https://example.com/j", "username": "jd", "phone_number": "+1 555-555-5555",
            "phone_verified": true, "created_at": "2020-01-01T00:00:00Z",
            "updated_at": "2020-01-01T00:00:00Z", "last_password_reset": "2020-01-01T00:00:00Z",
            "app_metadata": { "n": 1 }, "user_metadata": { "x": [true] },
            "identities": [{
                "connection": "db", "isSocial": false, "profileData": { "k": {} },
                "provider": "auth0", "user_id": "1", "userId": "1"
            }],
            "multifactor": ["phone"]
        }
    })
}

fn violations(event: &Value) -> Vec<String> {
    match Event::from_json(&event.to_string()).unwrap().check() {
        Ok(()) => Vec::new(),
        Err(violations) => violations.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_full_event_leaves_as_it_came() {
    let event = Event::from_json(&full().to_string()).unwrap();
    assert_eq!(event.check(), Ok(()));
    let mut expected = full();
    expected["secrets"] = json!({});
    expected["configuration"] = json!({});
    assert_eq!(
        serde_json::from_str::<Value>(&event.to_json()).unwrap(),
        expected
    );
}

#[test]
fn optional_fields_stay_absent() {
    let mut minimal = full();
    for field in ["connection", "custom_domain", "organization", "transaction"] {
        minimal.as_object_mut().unwrap().remove(field);
    }
    for (object, fields) in [
        ("/notification", &["from", "locale"][..]),
        ("/request", &["hostname", "language", "user_agent"]),
        (
            "/user",
            &[
                "identities",
                "phone_number",
                "phone_verified",
                "multifactor",
            ],
        ),
    ] {
        for field in fields {
            minimal
                .pointer_mut(object)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(*field);
        }
    }
    minimal["request"]["geoip"] = json!({});
    assert_eq!(violations(&minimal), [""; 0]);
    let out = Event::from_json(&minimal.to_string()).unwrap().to_json();
    minimal["secrets"] = json!({});
    minimal["configuration"] = json!({});
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), minimal);
}

#[test]
fn an_event_that_we_build_is_within_the_contract() {
    let recipient = "+1 (808) 555-5555".parse().unwrap();
    let mut notification = Notification::new(MessageType::OtpVerify, recipient, "Code 1234");
    notification.code = Some("1234".into());
    let (mut client, mut tenant) = (Client::default(), Tenant::default());
    (client.client_id, client.name) = ("abc".to_owned(), "Web".to_owned());
    tenant.id = "acme".to_owned();
    let (mut user, mut request) = (User::default(), Request::default());
    user.user_id = "auth0|1".to_owned();
    user.created_at = "2020-01-01T00:00:00Z".to_owned();
    user.updated_at = user.created_at.clone();
    (request.ip, request.method) = ("::1".to_owned(), "POST".to_owned());
    let event = Event::new(notification, client, tenant, user, request);
    assert_eq!(event.check(), Ok(()));
    assert!(
        event.to_json().contains(r#""recipient":"+18085555555""#),
        "{}",
        event.to_json()
    );
}

#[test]
fn every_break_of_the_contract_is_named() {
    for (pointer, value, expected) in [
        (
            "/surprise",
            json!(1),
            "surprise is not a field of the contract",
        ),
        (
            "/client/cimd",
            json!(1),
            "client.cimd is not a field of the contract",
        ),
        (
            "/notification/extra",
            json!(1),
            "notification.extra is not a field of the contract",
        ),
        ("/client/client_id", json!(""), "client.client_id is empty"),
        (
            "/notification/as_text",
            json!(""),
            "notification.as_text is empty",
        ),
        (
            "/notification/as_text",
            json!("é".repeat(1025)),
            "notification.as_text has 1025 characters, and the limit is 1024",
        ),
        (
            "/notification/code",
            json!("1".repeat(21)),
            "notification.code has 21 characters, and the limit is 20",
        ),
        (
            "/notification/message_type",
            json!("password_breach"),
            "notification.code belongs to otp_verify and otp_enroll only",
        ),
        (
            "/connection",
            json!({ "id": "con_1", "name": "db" }),
            "connection.strategy is empty",
        ),
        ("/custom_domain", json!({}), "custom_domain.domain is empty"),
        (
            "/organization/display_name",
            json!(""),
            "organization.display_name is empty",
        ),
        (
            "/user/last_password_reset",
            json!("last spring"),
            "user.last_password_reset is not a time in RFC 3339, as in 2026-01-31T12:00:00Z",
        ),
        (
            "/notification/from",
            json!("ACME"),
            "notification.from is not in E.164: the number does not begin with `+` and a country \
             code, as in +14155550100",
        ),
    ] {
        let mut event = full();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap()[field] = value;
        assert_eq!(violations(&event), [expected], "{pointer}");
    }
    let mut event = full();
    event["notification"]
        .as_object_mut()
        .unwrap()
        .remove("code");
    assert_eq!(
        violations(&event),
        ["notification.code is missing, and the type of message is about a code"]
    );
}

#[test]
fn a_test_event_may_be_sloppy() {
    let event = Event::from_json(
        r#"{"notification": {"recipient": "+1-808-555-5555", "as_text": "Hi"}, "user": {},
            "client": {"external_client_id": "https://example.com"}, "secrets": {"K": "hunter22"}}"#,
    )
    .unwrap();
    assert_eq!(event.notification.recipient.as_e164(), "+18085555555");
    assert_eq!(event.notification.delivery_method, DeliveryMethod::Text);
    assert!(event.check().is_err());
    assert!(event.to_json().contains("external_client_id"));
    assert!(!event.to_json().contains("hunter22"));
}

#[test]
fn what_is_not_an_event_is_told_without_its_content() {
    for (json, expected) in [
        (
            "{\n \"code\": 492016",
            "the event is not JSON: line 2, column 15",
        ),
        (
            "[]",
            "the event has no notification.recipient; give the number to reach, as in +14155550100",
        ),
        (
            r#"{"notification": {"recipient": 14155550100}}"#,
            "the event has no notification.recipient; give the number to reach, as in +14155550100",
        ),
        (
            r#"{"notification": {"recipient": "5550100"}}"#,
            "notification.recipient is not a telephone number",
        ),
        (
            r#"{"notification": {"recipient": "+14155550100", "delivery_method": "pigeon"}}"#,
            "notification.delivery_method of the event is not what it should be: expected `text` \
             or `voice`",
        ),
        (
            r#"{"notification": {"recipient": "+14155550100", "code": 492016}}"#,
            "notification.code of the event is not what it should be: expected a string",
        ),
    ] {
        let error = Event::from_json(json).unwrap_err();
        assert_eq!(error.to_string(), expected, "{json}");
        for secret in ["5550100", "492016"] {
            assert!(!format!("{error:?}").contains(secret), "{error:?}");
        }
    }
}

#[test]
fn debug_shows_no_number_code_or_text() {
    let debug = format!("{:?}", Event::from_json(&full().to_string()).unwrap());
    for secret in ["8085555555", "555-5555", "492016", "4. 9.", "18085552222"] {
        assert!(!debug.contains(secret), "{secret} in {debug}");
    }
    assert!(
        debug.contains("OtpEnroll") && debug.contains("acme"),
        "{debug}"
    );
}
