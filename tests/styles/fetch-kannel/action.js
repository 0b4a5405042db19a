// Our own gateway (Kannel) in the data centre.
const GSM_7 = /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\[~\]|€]*$/;

function sendsmsUrl(secrets, { recipient, as_text }) {
  const url = new URL('/cgi-bin/sendsms', secrets.KANNEL_URL);
  url.searchParams.set('user', secrets.KANNEL_USERNAME);
  url.searchParams.set('pass', secrets.KANNEL_PASSWORD);
  url.searchParams.set('from', 'Acme');
  url.searchParams.set('to', recipient);
  url.searchParams.set('text', as_text);
  url.searchParams.set('charset', 'UTF-8');
  if (!GSM_7.test(as_text)) url.searchParams.set('coding', '2');
  return url;
}

exports.onExecuteCustomPhoneProvider = async (event, api) => {
  let response;
  try {
    response = await fetch(sendsmsUrl(event.secrets, event.notification), { signal: AbortSignal.timeout(5000) });
  } catch (error) {
    console.warn('gateway unreachable:', error.name);
    return api.notification.retry('gateway unreachable');
  }
  const words = (await response.text()).trim();
  if (response.status === 202) return;
  if (response.status === 503) return api.notification.retry(words);
  api.notification.drop(words);
};
