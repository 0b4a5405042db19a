exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const bytes = new TextEncoder().encode('aé€😀\ud800');
  console.log(bytes, bytes instanceof Uint8Array, Buffer.isBuffer(bytes), new TextEncoder().encoding, new TextEncoder().encode().length);
  console.log(new TextDecoder().decode(bytes), new TextDecoder('utf-8').encoding, new TextDecoder('latin1').encoding, new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0, 0xac, 0x20])));
  console.log(new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).length, new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61])).length);
  try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([0xff])); } catch (error) { console.log(error.name, error.code); }
  try { new TextDecoder('klingon'); } catch (error) { console.log(error.name); }
  const decoder = new TextDecoder();
  console.log(decoder.decode(bytes.subarray(0, 2), { stream: true }) + decoder.decode(bytes.subarray(2, 4), { stream: true }) + decoder.decode(bytes.subarray(4)));
  console.log(new TextDecoder().decode(new Uint8Array([0x80, 0x61, 0xc3])), new TextDecoder().decode(bytes.buffer).length, new TextDecoder().decode());
  const into = new Uint8Array(4);
  console.log(new TextEncoder().encodeInto('a€b', into), into, new TextEncoder().encodeInto('a😀', new Uint8Array(4)));
  console.log(btoa('hello'), atob('aGVsbG8='), btoa('\xff\x00'), atob(' aGVs bG8 '), btoa(''), btoa(123), atob('aGk'), btoa(null));
  for (const bad of [() => btoa('€'), () => atob('a'), () => atob('!!!!'), () => atob('aGk=='), () => atob('a=Gk')]) {
    try { bad(); console.log('went through'); } catch (error) { console.log(error.name, error.code, error instanceof DOMException); }
  }
};
