//! Kannel, started for one test on free ports and stopped with it: `bearerbox` and `smsbox` are the gateway, `fakesmsc` is
//! the carrier and the handset, which prints what it gets.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, sleep, timeout};

/// Debian's `kannel-extras` puts it where no `PATH` leads.
const FAKESMSC: &str = "/usr/lib/kannel/test/fakesmsc";

/// How long anything that Kannel does may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the status page tells of a connected carrier.
const ONLINE: &str = "(online";

pub(crate) const USERNAME: &str = "phonebox";
pub(crate) const PASSWORD: &str = "p&ss w%rd";

/// What an SMS was coded in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Alphabet {
    Gsm7,
    Ucs2,
}

pub(crate) struct Gateway {
    /// Where `sendsms` is.
    pub(crate) sendsms: SocketAddr,
    pub(crate) handset: Handset,
    bearerbox: Child,
    _smsbox: Child,
    admin: SocketAddr,
    carrier: SocketAddr,
    _folder: TempDir,
}

impl Gateway {
    /// Starts Kannel. `None`, with a line that says so, where it is not installed and no continuous integration insists.
    pub(crate) async fn start() -> Option<Self> {
        if !is_installed().await {
            assert!(
                !in_continuous_integration(),
                "Kannel is missing: apt-get install kannel kannel-extras"
            );
            // Past the test harness, which would keep the line of a passing test to itself.
            let _unseen = writeln!(
                std::io::stderr(),
                "skipped: Kannel is not installed (apt-get install kannel kannel-extras)"
            );
            return None;
        }
        // Kannel takes no port 0, so that another process may be quicker to take a port that was free.
        let mut failures = String::new();
        for _ in 0..3 {
            match Self::start_on_free_ports().await {
                Ok(gateway) => return Some(gateway),
                Err(failure) => failures += &failure,
            }
        }
        panic!("Kannel does not start:\n{failures}");
    }

    async fn start_on_free_ports() -> Result<Self, String> {
        let folder = TempDir::new().unwrap();
        let [admin, boxes, carrier, sendsms] = free_ports();
        std::fs::create_dir(folder.path().join("spool")).unwrap();
        let config = config(folder.path(), admin, boxes, carrier, sendsms);
        std::fs::write(folder.path().join("kannel.conf"), config).unwrap();

        let until = Instant::now() + PATIENCE;
        let failure = |what: &str| {
            let log =
                |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
            format!("{what}\n{}\n{}\n", log("bearerbox.log"), log("smsbox.log"))
        };
        let mut bearerbox = start("bearerbox", folder.path());
        while status(admin).await.is_none() {
            if let Some(status) = exited(&mut bearerbox) {
                return Err(failure(&format!("bearerbox: {status}")));
            }
            if Instant::now() > until {
                return Err(failure("bearerbox does not answer"));
            }
            sleep(Duration::from_millis(20)).await;
        }
        let mut smsbox = start("smsbox", folder.path());
        let mut handset = Handset::start(carrier);
        loop {
            let page = status(admin).await.unwrap_or_default();
            if page.contains("smsbox:") && page.contains(ONLINE) {
                return Ok(Self {
                    sendsms,
                    handset,
                    bearerbox,
                    _smsbox: smsbox,
                    admin,
                    carrier,
                    _folder: folder,
                });
            }
            if Instant::now() > until {
                return Err(failure(&page));
            }
            // Both give up at once if they find the bearerbox not quite ready.
            if exited(&mut smsbox).is_some() {
                smsbox = start("smsbox", folder.path());
            }
            if exited(&mut handset.process).is_some() {
                handset = Handset::start(carrier);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Cuts the connection to the carrier, and waits until the gateway knows.
    pub(crate) async fn lose_carrier(&mut self) {
        self.handset.process.kill().await.unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let page = status(self.admin).await.unwrap_or_default();
            if !page.is_empty() && !page.contains(ONLINE) {
                return;
            }
            assert!(Instant::now() < until, "the carrier is not missed: {page}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The carrier is back, with a handset that has seen nothing yet.
    pub(crate) fn find_carrier(&mut self) {
        self.handset = Handset::start(self.carrier);
    }

    /// Kills the bearerbox, and waits until the smsbox takes no more connections for the want of it. It would end after
    /// ten seconds and start itself anew, out of our reach.
    pub(crate) async fn kill(&mut self) {
        self.bearerbox.kill().await.unwrap();
        let until = Instant::now() + PATIENCE;
        while connect(self.sendsms).await.is_some() {
            assert!(
                Instant::now() < until,
                "the smsbox goes on without a bearerbox"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What a handset got, put together from its parts.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Sms {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
    pub(crate) parts: usize,
}

pub(crate) struct Handset {
    process: Child,
    lines: Lines<BufReader<ChildStderr>>,
    seen: Vec<String>,
}

impl Handset {
    fn start(carrier: SocketAddr) -> Self {
        let mut process = Command::new(FAKESMSC)
            .args(["-H", &carrier.ip().to_string()])
            .args(["-r", &carrier.port().to_string()])
            .args(["-m", "0"]) // It sends nothing of its own.
            .stdin(Stdio::piped()) // It ends with its input.
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stderr = process.stderr.take().expect("it is piped");
        Self {
            process,
            lines: BufReader::new(stderr).lines(),
            seen: Vec::new(),
        }
    }

    /// Waits for the next SMS, which must come in this alphabet. The parts of a long one do not say what they are coded in.
    pub(crate) async fn receive(&mut self, alphabet: Alphabet) -> Sms {
        let mut bytes = BTreeMap::new();
        loop {
            let part = self.next_part().await;
            assert!(
                part.alphabet.is_none_or(|coded| coded == alphabet),
                "not in {alphabet:?}: {:#?}",
                self.seen
            );
            bytes.insert(part.number, part.bytes);
            if bytes.len() == usize::from(part.of) {
                return Sms {
                    from: part.from,
                    to: part.to,
                    text: decode(
                        &bytes.values().flatten().copied().collect::<Vec<_>>(),
                        alphabet,
                    ),
                    parts: bytes.len(),
                };
            }
        }
    }

    async fn next_part(&mut self) -> Part {
        loop {
            let line = timeout(PATIENCE, self.lines.next_line()).await;
            let Ok(Ok(Some(line))) = line else {
                panic!("the handset gets no SMS ({line:?}): {:#?}", self.seen);
            };
            let part = Part::parse(&line);
            self.seen.push(line);
            if let Some(part) = part {
                return part;
            }
        }
    }
}

/// One SMS as fakesmsc prints it, such as `… Got message 1: <Acme +12065550100 text Your code>`.
struct Part {
    from: String,
    to: String,
    /// UTF-8 for GSM 03.38, big-endian UTF-16 for UCS-2.
    bytes: Vec<u8>,
    alphabet: Option<Alphabet>,
    number: u8,
    of: u8,
}

impl Part {
    fn parse(line: &str) -> Option<Self> {
        let (_, printed) = line.split_once(": Got message ")?;
        let (_, message) = printed.strip_suffix('>')?.split_once(": <")?;
        let mut words = message.splitn(4, ' ');
        let (from, to) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (kind, content) = (words.next()?, words.next()?);
        let (alphabet, bytes, [number, of]) = match kind {
            "text" => (Some(Alphabet::Gsm7), content.as_bytes().to_vec(), [1, 1]),
            "ucs-2" => (Some(Alphabet::Ucs2), unescape(content), [1, 1]),
            "udh" => {
                let (header, data) = content.split_once(" data ")?;
                // Five bytes follow, of which three are the information element 0 (3GPP TS 23.040 §9.2.3.24.1).
                let [5, 0, 3, _reference, of, number] = unescape(header)[..] else {
                    return None;
                };
                (None, unescape(data), [number, of])
            }
            _ => return None,
        };
        Some(Self {
            from,
            to,
            bytes,
            alphabet,
            number,
            of,
        })
    }
}

fn unescape(text: &str) -> Vec<u8> {
    percent_decode_str(&text.replace('+', " ")).collect()
}

fn decode(bytes: &[u8], alphabet: Alphabet) -> String {
    match alphabet {
        Alphabet::Gsm7 => String::from_utf8(bytes.to_vec()).unwrap(),
        Alphabet::Ucs2 => {
            let units = bytes
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            String::from_utf16(&units.collect::<Vec<_>>()).unwrap()
        }
    }
}

fn config(
    folder: &Path,
    admin: SocketAddr,
    boxes: SocketAddr,
    carrier: SocketAddr,
    sendsms: SocketAddr,
) -> String {
    format!(
        r#"
group = core
admin-interface = "127.0.0.1"
admin-port = {admin}
admin-password = "unused"
status-password = "status"
smsbox-interface = "127.0.0.1"
smsbox-port = {boxes}
store-type = spool
store-location = "{folder}/spool"

group = smsc
smsc = fake
smsc-id = carrier
port = {carrier}
connect-allow-ip = "127.0.0.1"

group = smsbox
bearerbox-host = "127.0.0.1"
sendsms-interface = "127.0.0.1"
sendsms-port = {sendsms}

group = sendsms-user
username = "{USERNAME}"
password = "{PASSWORD}"
max-messages = 5
concatenation = true
"#,
        folder = folder.display(),
        admin = admin.port(),
        boxes = boxes.port(),
        carrier = carrier.port(),
        sendsms = sendsms.port(),
    )
}

fn start(program: &str, folder: &Path) -> Child {
    let log = File::create(folder.join(format!("{program}.log"))).unwrap();
    Command::new(program)
        .arg("kannel.conf")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

fn exited(process: &mut Child) -> Option<ExitStatus> {
    process.try_wait().unwrap()
}

/// Ports that were free a moment ago, each another.
fn free_ports<const N: usize>() -> [SocketAddr; N] {
    let listeners =
        [(); N].map(|()| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// The bearerbox's status page, once it answers.
async fn status(admin: SocketAddr) -> Option<String> {
    let mut stream = connect(admin).await?;
    let request = "GET /status.txt?password=status HTTP/1.0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut page = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut page)).await;
    read.ok()?.ok()?;
    Some(page)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test asks a process that it started"
)]
async fn connect(address: SocketAddr) -> Option<TcpStream> {
    TcpStream::connect(address).await.ok()
}

async fn is_installed() -> bool {
    let runs = |program| async move {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null());
        command.output().await.is_ok()
    };
    Path::new(FAKESMSC).exists() && runs("bearerbox").await && runs("smsbox").await
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one question that the tests ask the environment"
)]
fn in_continuous_integration() -> bool {
    std::env::var_os("CI").is_some()
}
