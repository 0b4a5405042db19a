import axios from 'axios';
export const onExecuteCustomPhoneProvider = async (event, api) => {};
