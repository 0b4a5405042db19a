exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const {ACCOUNT, TOKEN} = event.secrets
  const auth = btoa(`${ACCOUNT}:${TOKEN}`)
  const templates = {
    otp_verify: ({code}) => `Your code: ${code}`,
    otp_enroll: ({code}) => `Welcome! Your code: ${code}`,
    default: ({as_text}) => as_text,
  }
  const text = (templates[event.notification.message_type] || templates.default)(event.notification)
  const options = {method: 'POST', headers: {Authorization: `Basic ${auth}`, 'Content-Type': 'application/json'}, body: JSON.stringify({src: 'ACME', dst: event.notification.recipient, text})}
  return fetch(`http://provider.example:8000/v1/Account/${encodeURIComponent(ACCOUNT)}/Message/`, options)
    .then(response => response.ok ? response : Promise.reject(response))
    .then(response => response.json())
    .then(({message_uuid: [id]}) => console.log('queued', id))
    .catch(async problem => {
      if (problem instanceof Response) {
        const text = await problem.text()
        console.log(problem.status, problem.statusText, problem.type, problem.redirected, new URL(problem.url).pathname.split(`/`).length, text.match(/"error":\s*"(?<why>[^"]+)"/)?.groups.why)
        switch (true) {
          case problem.status === 401: api.notification.drop('credentials'); break
          case problem.status >= 500: api.notification.retry('later'); break
          default: throw new Error(`Plivo: ${text}`)
        }
      } else throw problem
    })
    .finally(() => console.info('done'))
}
