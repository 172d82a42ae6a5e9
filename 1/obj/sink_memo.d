1/obj/sink_memo.o: tracer/sink_memo.c tracer/sink_memo.h tracer/sink.h \
 tracer/fields.h bpf/event.h tracer/outbuf.h tracer/decode.h
tracer/sink_memo.h:
tracer/sink.h:
tracer/fields.h:
bpf/event.h:
tracer/outbuf.h:
tracer/decode.h:
