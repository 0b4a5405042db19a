/** An action: it delivers one notification, and is called anew for each attempt. */
export type Handler = (event: Event, api: PhoneProviderAPI) => Promise<void>;

/** Version 1 of Auth0's event for a custom phone provider, with the action's secrets. */
export interface Event {
  /** The application that the person is signing in to. */
  client: Client;
  /** The connection that the person is signing in with. */
  connection?: Connection;
  /** The custom domain that the request came in on. */
  custom_domain?: CustomDomain;
  /** What has to be said, and to whom. */
  notification: Notification;
  /** The organization that the person is signing in to. */
  organization?: Organization;
  /** The person's request that set off the notification. */
  request: Request;
  /** The tenant. */
  tenant: Tenant;
  /** The sign-in transaction. */
  transaction?: Transaction;
  /** The person. */
  user: User;
  /**
   * The action's secrets. One that is sealed is what stands for its value, which takes its place on the wire. One that is not
   * set is undefined, and noted for the action's author.
   */
  readonly secrets: Readonly<Record<string, string>>;
}

/** An application. */
export interface Client {
  /** Its id. */
  client_id: string;
  /** Its name. */
  name: string;
  /** Text by key, set by the tenant's administrator. */
  metadata: Record<string, string>;
}

/** Where the person's identity comes from. */
export interface Connection {
  /** Its id, for example `con_fpe5kj482KO1eOzQ`. */
  id: string;
  /** Its name. */
  name: string;
  /** For example `auth0` or `sms`. */
  strategy: string;
  /** Text by key, set by the tenant's administrator. */
  metadata?: Record<string, string>;
}

/** A domain of the tenant's own. */
export interface CustomDomain {
  /** The domain. */
  domain: string;
  /** Text by key, set by the tenant's administrator. */
  domain_metadata: Record<string, string>;
}

/** How a recipient is to be reached: by a text message or a call. */
export type DeliveryMethod = 'text' | 'voice';

/** What a notification is for. Only the first two have a code. */
export type MessageType = 'otp_enroll' | 'otp_verify' | 'blocked_account' | 'change_password' | 'password_breach';

/** What has to be said, to which number, and how. */
export interface Notification {
  /** The message to send as text, at most 1,024 characters. */
  as_text: string;
  /** The message to read aloud, at most 1,024 characters. */
  as_voice: string;
  /** The one-time code, at most 20 characters, only with `otp_*` types. */
  code?: string;
  /** Text or voice. */
  delivery_method: DeliveryMethod;
  /** The sender that the template names, in E.164, at most 16 characters. */
  from?: string;
  /** The language, for example `en-US`, at most 15 characters. */
  locale?: string;
  /** What it is for. */
  message_type: MessageType;
  /** The number to reach, in E.164, at most 16 characters, for example `+14155550100`. */
  recipient: string;
}

/** An organization of the tenant. There may be more in it. */
export interface Organization {
  /** Its id. */
  id: string;
  /** Its name. */
  name: string;
  /** The name that people see. */
  display_name: string;
  /** Text by key, set by the tenant's administrator. */
  metadata: Record<string, string>;
  [more: string]: unknown;
}

/** The person's request that set off the notification. */
export interface Request {
  /** Where it came from. */
  ip: string;
  /** Its HTTP method. */
  method: string;
  /** The host that it went to. */
  hostname?: string;
  /** The language asked for. */
  language?: string;
  /** The person's browser. */
  user_agent?: string;
  /** Where the address is thought to be. */
  geoip: Geoip;
}

/** Where an address is thought to be. There may be more in it. */
export interface Geoip {
  /** The city. */
  cityName?: string;
  /** For example `NA`. */
  continentCode?: string;
  /** ISO 3166-1 alpha-2. */
  countryCode?: string;
  /** ISO 3166-1 alpha-3. */
  countryCode3?: string;
  /** The country. */
  countryName?: string;
  /** Degrees north. */
  latitude?: number;
  /** Degrees east. */
  longitude?: number;
  /** The state's or province's code. */
  subdivisionCode?: string;
  /** The state or province. */
  subdivisionName?: string;
  /** For example `America/Los_Angeles`. */
  timeZone?: string;
  [more: string]: unknown;
}

/** The tenant. Optional parts are at most 1,024 characters. */
export interface Tenant {
  /** Its name. */
  id: string;
  /** The name that people see. */
  friendly_name?: string;
  /** Its website. */
  home_url?: string;
  /** Its logo. */
  logo_url?: string;
  /** Where people get help by mail. */
  support_email?: string;
  /** Where people get help. */
  support_url?: string;
}

/** A sign-in transaction. */
export interface Transaction {
  /** Ties together what belongs to one sign-in. */
  correlation_id?: string;
}

/** The person. There may be more in it. */
export interface User {
  /** The person's id, for example `auth0|5f7c8ec7c33c6c004bbafe82`. */
  user_id: string;
  /** The mail address. */
  email?: string;
  /** Whether the mail address was verified. */
  email_verified: boolean;
  /** The family name. */
  family_name?: string;
  /** The given name. */
  given_name?: string;
  /** The full name. */
  name?: string;
  /** The nickname. */
  nickname?: string;
  /** A portrait's URL. */
  picture?: string;
  /** The user name. */
  username?: string;
  /** The number as the tenant stores it. */
  phone_number?: string;
  /** Whether the number was verified. */
  phone_verified?: boolean;
  /** RFC 3339. */
  created_at: string;
  /** RFC 3339. */
  updated_at: string;
  /** RFC 3339; only where the tenant keeps the password. */
  last_password_reset?: string;
  /** Any JSON by key. */
  app_metadata: Record<string, any>;
  /** Any JSON by key. */
  user_metadata: Record<string, any>;
  /** The ways in which the person signs in. */
  identities?: Identity[];
  [more: string]: unknown;
}

/** One of the ways in which a person signs in. There may be more in it. */
export interface Identity {
  /** The connection's name. */
  connection?: string;
  /** Whether it is a social connection. */
  isSocial?: boolean;
  /** What the provider knows of the person. */
  profileData?: Record<string, any>;
  /** The identity provider. */
  provider?: string;
  /** The person's id there. */
  user_id?: string;
  [more: string]: unknown;
}

/** What an action can do beside sending requests. All of it may be called without the object that it is in. */
export interface PhoneProviderAPI {
  /** What becomes of the notification. Where nothing is called, it was delivered; of several calls the last counts. */
  readonly notification: {
    /**
     * It cannot be delivered, and is not tried again.
     * @param reason Why, for the log; at most 1,024 characters of it are kept.
     */
    drop(reason: string): void;
    /**
     * It was not delivered, and is tried again, up to 5 times in the next minutes.
     * @param reason Why, for the log; at most 1,024 characters of it are kept.
     */
    retry(reason: string): void;
  };
  /** What the action remembers from one run to another, for as long as the server pleases. */
  readonly cache: Cache;
}

/** Texts by key: of all keys and values together at most 16,640 bytes, and at most 20 changes in one run. */
export interface Cache {
  /** What was kept under a key, if it has not expired. */
  get(key: string): CacheRecord | undefined;
  /**
   * Keeps a text.
   * @param key At most 64 bytes of UTF-8.
   * @param value At most 4,096 bytes of UTF-8.
   * @param options Without them it is kept for 15 minutes.
   */
  set(key: string, value: string, options?: CacheSetOptions): CacheSetResult;
  /** Forgets a key. */
  delete(key: string): CacheWriteResult;
}

/** What is kept under a key. */
export interface CacheRecord {
  /** The text. */
  value: string;
  /** When it expires, in milliseconds since 1970. */
  expires_at: number;
}

/** How long something is kept: until the earlier of the two. */
export interface CacheSetOptions {
  /** For how long, in milliseconds. */
  ttl?: number;
  /** Until when, in milliseconds since 1970. */
  expires_at?: number;
}

/** Why something was not kept or forgotten. */
export type CacheErrorCode =
  | 'CacheKeyDoesNotExist'
  | 'CacheKeySizeExceeded'
  | 'CacheSizeExceeded'
  | 'CacheValueSizeExceeded'
  | 'FailedToDeleteCacheRecord'
  | 'FailedToSetCacheRecord'
  | 'InvalidExpiry'
  | 'ItemAlreadyExpired'
  | 'MaxSideEffectsExceeded';

/** That something went wrong in the cache. */
export interface CacheError {
  type: 'error';
  code: CacheErrorCode;
}

/** What came of keeping something. */
export type CacheSetResult = { type: 'success'; record: CacheRecord } | CacheError;

/** What came of forgetting something. */
export type CacheWriteResult = { type: 'success' } | CacheError;
