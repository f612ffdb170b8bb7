;; What measures need to know of all pixels of a frame, four pixels at a time. `node infra/compile-wat.mjs` puts the bytes of this
;; module into pixel-sums.ts, which says what it does.
;;
;;   0       up to 49,152 bytes of a frame, RGB, a multiple of 12: 4,096 times four pixels, so that no sum of 32 bits overflows
;;   65536   the same bytes of another frame
;;   122880  four sums, 64-bit floats: whole numbers below 2^53, so exact

(module
  (memory (export "memory") 2)

  ;; The greys of the four pixels in the first 12 bytes, 0 to 65280: (19595 r + 38470 g + 7471 b) >> 8. Pairs of 16 bits are multiplied
  ;; and added, and 38470 has too many bits: it is taken twice, as halves.
  (func $greys (param $rgb v128) (result v128)
    (i32x4.shr_u
      (i32x4.add
        (i32x4.dot_i16x8_s
          (i8x16.swizzle (local.get $rgb) (v128.const i8x16 0 16 1 16 3 16 4 16 6 16 7 16 9 16 10 16))
          (v128.const i16x8 19595 19235 19595 19235 19595 19235 19595 19235))
        (i32x4.dot_i16x8_s
          (i8x16.swizzle (local.get $rgb) (v128.const i8x16 1 16 2 16 4 16 5 16 7 16 8 16 10 16 11 16))
          (v128.const i16x8 19235 7471 19235 7471 19235 7471 19235 7471)))
      (i32.const 8)))

  (func $sum (param $four v128) (result f64)
    (f64.convert_i32_u
      (i32.add
        (i32.add (i32x4.extract_lane 0 (local.get $four)) (i32x4.extract_lane 1 (local.get $four)))
        (i32.add (i32x4.extract_lane 2 (local.get $four)) (i32x4.extract_lane 3 (local.get $four))))))

  (func $count (param $at i32) (param $more f64)
    (f64.store (local.get $at) (f64.add (f64.load (local.get $at)) (local.get $more))))

  (func (export "add") (param $bytes i32)
    (local $at i32)
    (local $one v128) (local $other v128) (local $grey v128)
    (local $greys v128) (local $squares v128) (local $colours v128) (local $changes v128)
    (loop $next
      (if (i32.lt_u (local.get $at) (local.get $bytes))
        (then
          (local.set $one (v128.load (local.get $at)))
          (local.set $other (v128.load offset=65536 (local.get $at)))
          (local.set $grey (call $greys (local.get $one)))
          (local.set $greys (i32x4.add (local.get $greys) (local.get $grey)))
          (local.set $squares
            (i64x2.add (local.get $squares)
              (i64x2.add
                (i64x2.extmul_low_i32x4_u (local.get $grey) (local.get $grey))
                (i64x2.extmul_high_i32x4_u (local.get $grey) (local.get $grey)))))
          (local.set $changes
            (i32x4.add (local.get $changes)
              (i32x4.abs (i32x4.sub (local.get $grey) (call $greys (local.get $other))))))
          ;; How far apart bytes are: what is left when either is taken from the other and nothing goes below 0.
          (local.set $colours
            (i32x4.add (local.get $colours)
              (i32x4.extadd_pairwise_i16x8_u
                (i16x8.extadd_pairwise_i8x16_u
                  (v128.and
                    (v128.or
                      (i8x16.sub_sat_u (local.get $one) (local.get $other))
                      (i8x16.sub_sat_u (local.get $other) (local.get $one)))
                    (v128.const i32x4 -1 -1 -1 0))))))
          (local.set $at (i32.add (local.get $at) (i32.const 12)))
          (br $next))))
    (call $count (i32.const 122880) (call $sum (local.get $greys)))
    (call $count (i32.const 122888)
      (f64.convert_i64_u
        (i64.add (i64x2.extract_lane 0 (local.get $squares)) (i64x2.extract_lane 1 (local.get $squares)))))
    (call $count (i32.const 122896) (call $sum (local.get $colours)))
    (call $count (i32.const 122904) (call $sum (local.get $changes)))))
