// Signs the request that the argument describes as Azure's own clients do, at its own `x-ms-date`, and prints the headers
// that say so.
import { createCommunicationAccessKeyCredentialPolicy } from '@azure/communication-common'

const { key, date, ...request } = JSON.parse(process.argv[2])
Date.prototype.toUTCString = () => date
const headers = new Map()
await createCommunicationAccessKeyCredentialPolicy({ key }).sendRequest({ ...request, headers }, () => {})
console.log(JSON.stringify(Object.fromEntries([...headers].map(([name, value]) => [name.toLowerCase(), value]))))
