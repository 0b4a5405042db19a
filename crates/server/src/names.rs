use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use phonebox::Issuer;

use crate::caller::is_tenant;
use crate::management::BASE;

/// What stands for a tenant's name in that of its host.
const TENANT: &str = "{tenant}.";

/// The names by which the API is known, each a host and, where it is not 443, its port.
#[derive(Clone, Debug, Default)]
pub struct Names {
    domain: Option<String>,
    /// What follows a tenant's name in that of its host.
    of_tenants: Option<String>,
}

/// Names that no host has.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what} is not {shape}")]
pub struct InvalidNames {
    what: &'static str,
    shape: &'static str,
}

/// By which name it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// None where the request does not say.
    host: Option<String>,
    /// Whose host that is.
    pub(crate) tenant: Option<String>,
}

impl Names {
    /// The API's name, and those of its tenants' hosts, as in `{tenant}.phonebox.example.com`. Without a name, it is known by
    /// the one that a request is made with.
    pub fn new(domain: Option<&str>, tenants: Option<&str>) -> Result<Self, InvalidNames> {
        let read = |what, shape, name: &str| authority(name).ok_or(InvalidNames { what, shape });
        let of_tenant = |name: &str| {
            let (what, shape) = ("server.tenants", "a host that begins with {tenant}.");
            let rest = name.strip_prefix(TENANT);
            read(what, shape, rest.unwrap_or_default()).map(|rest| format!(".{rest}"))
        };
        let domain = domain.map(|name| read("server.domain", "a host, without https://", name));
        Ok(Self {
            domain: domain.transpose()?,
            of_tenants: tenants.map(of_tenant).transpose()?,
        })
    }

    /// By which of them this is asked. What a request says counts only where nothing is settled, or for a tenant's host.
    pub(crate) fn asked(&self, headers: &HeaderMap) -> Asked {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().filter(|_| hosts.next().is_none());
        let host = host.and_then(|host| authority(host.to_str().ok()?));
        let tenant = self.of_tenants.as_ref().zip(host.as_ref());
        let tenant = tenant.and_then(|(rest, host)| host.strip_suffix(&**rest));
        let tenant = tenant.filter(|tenant| is_tenant(tenant) && !tenant.contains(['.', ':']));
        let tenant = tenant.map(ToOwned::to_owned);
        let host = match tenant {
            Some(_) => host,
            None => self.domain.clone().or(host),
        };
        Asked { host, tenant }
    }
}

impl Asked {
    /// Who issues tokens under this name. None where the request does not say a name.
    pub(crate) fn issuer(&self) -> Option<Issuer> {
        let host = self.host.as_ref()?;
        Some(Issuer {
            name: format!("https://{host}/"),
            audience: format!("https://{host}{BASE}/"),
        })
    }
}

/// A host and perhaps a port, in small letters.
fn authority(name: &str) -> Option<String> {
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let parsed = (name.len() <= 261 && name.bytes().all(is_host)).then(|| name.parse());
    let parsed: Authority = parsed?.ok()?;
    (!parsed.host().is_empty()).then(|| parsed.as_str().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(names: &Names, hosts: &[&str]) -> Option<(String, Option<String>)> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        let asked = names.asked(&headers);
        Some((asked.issuer()?.audience, asked.tenant))
    }

    #[test]
    fn a_request_is_asked_by_the_name_that_is_settled() {
        let host = |host: &str| (format!("https://{host}/api/v2/"), None);
        let none = Names::default();
        assert_eq!(
            asked(&none, &["LocalHost:8443"]),
            Some(host("localhost:8443"))
        );
        for bad in [&[][..], &["a", "a"], &["a/b"], &["u@a"], &[""], &["a?b"]] {
            assert_eq!(asked(&none, bad), None, "{bad:?}");
        }
        let names = Names::new(Some("pb.example.com"), Some("{tenant}.pb.example.com")).unwrap();
        for other in [
            "pb.example.com",
            "evil.example.com",
            "a.b.pb.example.com",
            ".pb.example.com",
        ] {
            assert_eq!(
                asked(&names, &[other]),
                Some(host("pb.example.com")),
                "{other}"
            );
        }
        let (audience, tenant) = asked(&names, &["Acme.pb.example.com"]).unwrap();
        assert_eq!(audience, "https://acme.pb.example.com/api/v2/");
        assert_eq!(tenant.as_deref(), Some("acme"));
        for (domain, tenants) in [
            (Some("https://pb.example.com"), None),
            (None, Some("pb.example.com")),
            (None, Some("{tenant}.")),
        ] {
            assert!(
                Names::new(domain, tenants).is_err(),
                "{domain:?} {tenants:?}"
            );
        }
    }
}
