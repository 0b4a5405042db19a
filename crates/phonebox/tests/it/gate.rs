//! A provider whose answers a test decides one by one: what Kannel's `sendsms` takes and says, without a carrier behind it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    mode: watch::Sender<Mode>,
    /// The texts that arrived, in order, whether they were answered or not.
    texts: Arc<Mutex<Vec<String>>>,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Accept,
    Busy,
    /// Not answered until the mode is another.
    Hold,
    /// Answered with this, head and all.
    Say(&'static str),
}

impl Gate {
    pub(crate) async fn open(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mode = watch::Sender::new(mode);
        let texts = Arc::<Mutex<Vec<String>>>::default();
        let (modes, arrived) = (mode.clone(), texts.clone());
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let (mut modes, arrived) = (modes.subscribe(), arrived.clone());
                tokio::spawn(async move {
                    while let Some(text) = request(&mut connection).await {
                        arrived.lock().unwrap().push(text);
                        let held = modes.wait_for(|mode| *mode != Mode::Hold).await;
                        let mode = held.map_or(Mode::Busy, |mode| *mode);
                        let answer = match mode {
                            Mode::Accept => {
                                "HTTP/1.1 202 Accepted\r\ncontent-length: 25\r\n\r\n0: Accepted for delivery\n"
                            }
                            Mode::Busy | Mode::Hold => {
                                "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"
                            }
                            Mode::Say(answer) => answer,
                        };
                        if connection.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self {
            address,
            mode,
            texts,
        }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap().clone()
    }

    pub(crate) async fn wait_for(&self, count: usize) -> Vec<String> {
        for _ in 0..6000 {
            let texts = self.texts();
            if texts.len() >= count {
                return texts;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("of {count} texts arrived: {:?}", self.texts());
    }
}

/// The body of the next request.
async fn request(connection: &mut tokio::net::TcpStream) -> Option<String> {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let line = line.to_ascii_lowercase();
                line.strip_prefix("content-length: ")?.parse::<usize>().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(body.to_owned());
            }
        }
        if !connection
            .read_buf(&mut seen)
            .await
            .is_ok_and(|read| read > 0)
        {
            return None;
        }
    }
}
