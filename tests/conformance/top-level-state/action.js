let runs = 0;
const TABLE = Object.freeze({ text: 'sms', voice: 'tts' });
const channel = (method) => TABLE[method] ?? 'sms';
class Sender {
  #runs = 0;
  static of() { return new Sender(); }
  get runs() { return this.#runs; }
  async send() { this.#runs += 1; await null; return this; }
}
exports.onExecuteCustomPhoneProvider = async (event, api) => {
  runs += 1;
  console.log(runs, channel(event.notification.delivery_method), (await Sender.of().send()).runs);
};
