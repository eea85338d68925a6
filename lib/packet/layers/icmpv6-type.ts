/** The types of ICMPv6 messages whose fields this library supports: RFC 4443 and 4861. */

/** Destination unreachable: RFC 4443. @see https://www.rfc-editor.org/rfc/rfc4443#section-3.1 */
export const ICMPV6_DESTINATION_UNREACHABLE: 1 = 1;

/** Packet too big: RFC 4443. @see https://www.rfc-editor.org/rfc/rfc4443#section-3.2 */
export const ICMPV6_PACKET_TOO_BIG: 2 = 2;

/** Time exceeded: RFC 4443. @see https://www.rfc-editor.org/rfc/rfc4443#section-3.3 */
export const ICMPV6_TIME_EXCEEDED: 3 = 3;

/** Parameter problem: RFC 4443. @see https://www.rfc-editor.org/rfc/rfc4443#section-3.4 */
export const ICMPV6_PARAMETER_PROBLEM: 4 = 4;

/** Echo request: RFC 4443. @see https://www.rfc-editor.org/rfc/rfc4443#section-4.1 */
export const ICMPV6_ECHO_REQUEST: 128 = 128;

/** Echo reply: RFC 4443. @see https://www.rfc-editor.org/rfc/rfc4443#section-4.2 */
export const ICMPV6_ECHO_REPLY: 129 = 129;

/** Router solicitation: RFC 4861. @see https://www.rfc-editor.org/rfc/rfc4861#section-4.1 */
export const ICMPV6_ROUTER_SOLICITATION: 133 = 133;

/** Router advertisement: RFC 4861. @see https://www.rfc-editor.org/rfc/rfc4861#section-4.2 */
export const ICMPV6_ROUTER_ADVERTISEMENT: 134 = 134;

/** Neighbor solicitation: RFC 4861. @see https://www.rfc-editor.org/rfc/rfc4861#section-4.3 */
export const ICMPV6_NEIGHBOR_SOLICITATION: 135 = 135;

/** Neighbor advertisement: RFC 4861. @see https://www.rfc-editor.org/rfc/rfc4861#section-4.4 */
export const ICMPV6_NEIGHBOR_ADVERTISEMENT: 136 = 136;

/** Redirect: RFC 4861. @see https://www.rfc-editor.org/rfc/rfc4861#section-4.5 */
export const ICMPV6_REDIRECT: 137 = 137;
