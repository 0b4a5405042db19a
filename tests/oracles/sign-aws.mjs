// Signs the request that the argument describes by AWS Signature Version 4, at its own `x-amz-date`, and prints the
// `authorization` that it should have.
import aws4 from 'aws4'

const { credentials, ...request } = JSON.parse(process.argv[2])
const signed = aws4.sign({ ...request, extraHeadersToIgnore: { 'content-length': true } }, credentials)
console.log(JSON.stringify(signed.headers.Authorization))
