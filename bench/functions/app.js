// What is measured: the least that a handler can do.
exports.handler = async (event) => ({ statusCode: 200, body: event.body });
